"""Where things lie on the page, seen as a reader scrolls: nothing covers what is to be clicked."""

import re

import numpy as np
import pytest
from browsing import (
    cells,
    covered,
    cut_off,
    emulated,
    folded,
    go,
    needs_chromium,
    opened,
    press,
    settled,
    text,
    unfold,
    waits,
)
from selenium import webdriver
from selenium.webdriver.common.by import By
from simulated import simulate

from analysis import write_report

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(simulate(folder / "quick"), folder / "report.html")
    return folder / "report.html"


@pytest.mark.parametrize("width", [390, 768, 1440, 1920])
def test_every_control_can_be_clicked_wherever_it_is_scrolled_to(browser, report, width):
    with emulated(browser, width):
        opened(browser, report.as_uri())
        unfold(browser)
        for trial_is_shown in (False, True):
            if trial_is_shown:
                press(browser, "#members button")
                settled(browser)
                waits(browser, lambda: text(browser, "trial"))
            seen, hidden = covered(browser)
            assert hidden == []
            assert {"x", "where", "every-column", "Filter", "Download CSV", "PNG"} <= {*seen}


@pytest.mark.parametrize("width", [390, 1440])
def test_no_text_of_a_chart_is_cut_off(browser, report, width):
    with emulated(browser, width):
        opened(browser, report.as_uri())
        unfold(browser)
        assert cut_off(browser) == []


def test_every_chart_is_drawn(browser, report):
    opened(browser, report.as_uri())
    charts = browser.find_elements(By.CSS_SELECTOR, ".chart")
    assert len(charts) > 6
    for chart in charts:
        shapes = chart.find_elements(By.CSS_SELECTOR, "svg path, svg text")
        assert len(shapes) > 10, chart.get_attribute("id")


def test_a_tooltip_is_within_the_screen_of_a_phone(browser, report):
    with emulated(browser, 390):
        opened(browser, report.as_uri())
        top = [path for said, path in cells(browser).items() if "training rows 1,000" in said]
        assert len(top) == 6
        for cell in top:
            webdriver.ActionChains(browser).move_to_element(cell).perform()
            name = cell.get_attribute("aria-label").split(":")[0]
            waits(browser, lambda name=name: name in text(browser, "vg-tooltip-element"))
            box = browser.find_element(By.ID, "vg-tooltip-element").rect
            assert 0 <= box["x"] < box["x"] + box["width"] <= 390


def line_of(browser):
    """The boundary's points as shares of the diagram, from the left and from the bottom."""
    [wide, high] = browser.execute_script(
        "return document.querySelector('#diagram .background').getAttribute('d')"
        ".match(/h([\\d.]+)v([\\d.]+)/).slice(1).map(Number)"
    )
    pieces = browser.find_elements(By.CSS_SELECTOR, "#diagram .mark-line path")
    numbers = [re.findall(r"[\d.]+", piece.get_attribute("d")) for piece in pieces]
    points = [np.array(piece, float).reshape(-1, 2) for piece in numbers]
    bands = browser.find_elements(By.CSS_SELECTOR, "#diagram .mark-area path")
    drawn = [band for band in bands if band.get_attribute("d")]
    assert len(drawn) == 2 * len(points)  # pointwise and simultaneous
    return [piece / [wide, -high] + [0, 1] for piece in points]


def test_the_boundary_is_drawn_whichever_axis_is_across(browser, report):
    opened(browser, report.as_uri())
    assert "half of the trials generalize" in folded(browser, "diagram-said")
    upright = line_of(browser)
    assert sum(map(len, upright)) > 50
    go(browser, x="train_size", y="weight_decay")
    swapped = line_of(browser)
    assert len(swapped) == len(upright)
    for before, after in zip(upright, swapped, strict=True):
        assert np.abs(before[:, ::-1] - after).max() < 0.01
    assert "half of the trials generalize" in folded(browser, "diagram-said")
