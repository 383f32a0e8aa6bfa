"""The report's table, files, print and looks, in a real browser without a network."""

import copy
import csv
import re
from pathlib import Path

import pandas as pd
import pytest
import vl_convert
from browsing import (
    cells,
    emulated,
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
from selenium.webdriver.common.keys import Keys
from simulated import QUICK, simulate

from analysis import load_trials, write_report
from analysis.charts.curves import curve_template
from analysis.phases.classify import classify

pytestmark = [needs_chromium, pytest.mark.slow]
AXE = Path(__file__).parents[1] / "support" / "axe" / "axe.min.js"


def saved(browser, folder, name):
    """The bytes of a file that the page saves; the file is removed."""
    path = folder / name
    waits(browser, lambda: path.exists() and path.stat().st_size)
    content = path.read_bytes()
    path.unlink()
    return content


def test_trials_are_filtered_sorted_and_downloaded(page, store, folder):
    where = "weight_decay >= 0.01 and not generalized_epoch is null"
    box = page.find_element(By.ID, "where")
    box.send_keys(where, Keys.ENTER)
    kept = classify(load_trials(store, where))
    waits(page, lambda: text(page, "pages").endswith(f"of {len(kept)} trials"))
    head = "#rows [data-sort=generalized_epoch]"
    press(page, head)
    settled(page)
    press(page, head)
    settled(page)
    first = page.find_element(By.CSS_SELECTOR, "#rows tbody button").get_attribute("title")
    times = kept.set_index("trial_id")["generalized_epoch"]
    assert times[first] == times.max()
    press(page, "#downloads button")
    rows = list(csv.DictReader(saved(page, folder, "quick.csv").decode().splitlines()))
    assert {row["trial_id"] for row in rows} == set(kept["trial_id"])
    assert {row["trial_id"]: int(row["generalized_epoch"]) for row in rows} == times.to_dict()
    press(page, "#rows tbody button")
    settled(page)
    assert first in text(page, "trial")
    assert page.find_elements(By.CSS_SELECTOR, f"#members [data-trial='{first}']")


def test_a_wrong_filter_is_told_and_the_table_stays(page):
    before = text(page, "pages")
    page.find_element(By.ID, "where").send_keys("weight_decay = 3", Keys.ENTER)
    waits(page, lambda: text(page, "where-wrong"))
    assert text(page, "where-wrong") == "not a filter, at character 14: write ==."
    assert text(page, "pages") == before
    page.find_element(By.ID, "where").clear()
    page.find_element(By.ID, "where").send_keys("generalizd_epoch > 3", Keys.ENTER)
    waits(page, lambda: "did you mean generalized_epoch?" in text(page, "where-wrong"))


def test_a_value_that_no_trial_has_is_told(page):
    page.find_element(By.ID, "where").send_keys("seed == 1 and k == 9", Keys.ENTER)
    waits(page, lambda: text(page, "pages") == "no trial passes the filter")
    assert text(page, "where-wrong") == "no trial has k == 9; the nearest value is 2."


def test_a_phase_is_filtered_like_a_column(page, store):
    page.find_element(By.ID, "where").send_keys('phase == "grokking"', Keys.ENTER)
    grokked = load_trials(store, 'phase == "grokking"')
    assert len(grokked)
    waits(page, lambda: text(page, "pages").endswith(f"of {len(grokked)} trials"))


@pytest.mark.parametrize("chart", ["diagram", "curve-accuracy", "laws-0"])
def test_every_chart_can_be_saved(page, folder, chart):
    menu = page.find_element(By.CSS_SELECTOR, f"[data-chart='{chart}']")
    name = menu.find_element(By.TAG_NAME, "summary").get_attribute("aria-label")
    file_name = name.removeprefix("Save ").replace(" ", "-")
    page.execute_script(
        "window.printed = []; window.print = () => printed.push("
        "[...document.querySelectorAll('.printed')].map((one) => one.id).join())"
    )
    starts = {"SVG": b"<svg color", "PNG": b"\x89PNG", "CSV": b"", "PDF": None}
    for form, start in starts.items():
        page.execute_script("arguments[0].querySelector('details').open = true", menu)
        button = menu.find_element(By.XPATH, f".//button[text()='{form}']")
        page.execute_script("arguments[0].click()", button)
        if start is None:
            assert page.execute_script("return printed") == [chart]
            continue
        content = saved(page, folder, f"{file_name}.{form.lower()}")
        assert content.startswith(start)
        assert len(content) > 200


def test_it_is_printed_whole(page):
    with emulated(page, 800, media="print"):
        seen = page.execute_script(
            "return [...document.querySelectorAll('.export, #filter, select, input, summary')]"
            ".filter((one) => one.checkVisibility()).map((one) => one.id || one.className)"
        )
        assert seen == []
        page.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert "The most frequent phase" in text(page, "diagram-said")
        page.execute_script("dispatchEvent(new Event('afterprint'))")
        scrolled = page.execute_script(
            "return [...document.querySelectorAll('.scroll, #panel')]"
            ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.id)"
        )
        assert scrolled == []
        assert page.find_element(By.ID, "panel").value_of_css_property("overflow-y") == "visible"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_diagram_at_once_and_confusion_shines_nowhere(page, scheme):
    with emulated(page, 390, scheme):
        opened(page, page.current_url)
        bottom = "return document.querySelector('#diagram svg').getBoundingClientRect().bottom"
        assert page.execute_script(bottom) < 900
        assert not page.find_element(By.ID, "color").is_displayed()
        page.find_element(By.CSS_SELECTOR, "#options summary").click()
        assert page.find_element(By.ID, "color").is_displayed()
        shades = page.execute_script(
            "return [...document.querySelectorAll('#diagram [fill=\"#dde1e6\"]')]"
            ".map((one) => getComputedStyle(one).fill)"
        )
        assert shades
        assert {sum(map(int, shade[4:-1].split(","))) > 600 for shade in shades} == {
            scheme == "light"
        }


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "dark"), (390, "light")])
def test_it_fits_phones_and_dark_rooms(page, width, scheme):
    with emulated(page, width, scheme):
        unfold(page)
        overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
        assert page.execute_script(overflow) <= 0
        ink = "return getComputedStyle(document.querySelector('.role-axis-title text')).fill"
        shade = sum(map(int, page.execute_script(ink)[4:-1].split(",")))
        assert (shade > 600) == (scheme == "dark")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_finds_nothing_serious(page, width, scheme):
    page.set_script_timeout(90)
    with emulated(page, width, scheme):
        unfold(page)
        press(page, "#members button")
        waits(page, lambda: text(page, "trial"))
        page.execute_script(AXE.read_text())
        found = page.execute_async_script(
            "const done = arguments[0];"
            "axe.run({exclude: ['#rows tbody tr:nth-child(n+4)']})"  # the others are like these
            ".then((r) => done(r.violations.filter("
            "(v) => ['serious', 'critical'].includes(v.impact)).map((v) => [v.id, v.help, "
            "v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200))])))"
        )
        assert found == []


def test_a_report_of_300_trials_is_small_and_the_same_twice(tmp_path):
    study = copy.deepcopy(QUICK)
    study |= {"seeds": 10}
    store = simulate(tmp_path / "quick", study)
    assert len(load_trials(store)) == 300
    for name in ("one.html", "two.html"):
        write_report(store, tmp_path / name)
    assert Path(tmp_path / "one.html").stat().st_size < 1.2e6
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_each_epoch_on_the_axis_is_written_by_itself():
    rows = pd.DataFrame(
        {"trial": "a", "seed": 0, "set": "train", "epoch": [0, 30, 2000], "value": [0.5, 0.9, 1.0]}
    )
    events = [{"epoch": 30, "event": "half memorized: 30"}]
    template = curve_template("accuracy", ("train_accuracy", "test_accuracy"))
    drawing = {**template, "datasets": {"curves": rows.to_dict("records"), "events": events}}
    written = re.findall(r"<text[^>]*>([^<]*)</text>", vl_convert.vegalite_to_svg(drawing))
    assert {"0", "10", "30", "100", "1k", "half memorized: 30"} <= set(written)
    assert "0k" not in written


def test_selection_by_mouse_is_on_top(page):
    """A real click, through whatever lies above a cell, reaches it."""
    shape = next(path for said, path in cells(page).items() if "no trials" not in said)
    webdriver.ActionChains(page).move_to_element(shape).perform()
    waits(page, lambda: page.find_elements(By.CSS_SELECTOR, "#vg-tooltip-element.visible"))
    told = text(page, "vg-tooltip-element")
    assert "95% (Wilson)" in told
    assert "color" not in told  # the phase is told already


# The address changes while the page draws an earlier one. Gives the title of the cell on show when
# the page first says that it shows the later address.
OVERTAKEN = """
const [later, done] = arguments, title = document.getElementById('cell-title');
new MutationObserver(() => {
  if (document.body.dataset.shown === later) done(title.textContent);
}).observe(document.body, {attributeFilter: ['data-shown']});
const drawing = new MutationObserver(() => {
  drawing.disconnect();
  location.hash = later;
});
drawing.observe(document.getElementById('twin'), {childList: true});
window.dispatchEvent(new Event('hashchange'));  // draws the address as it is
"""


def test_the_page_says_what_it_shows_and_not_what_it_was_asked_meanwhile(page):
    for decay in ("0.1", "0.001", "0.01"):
        later = f"#weight_decay={decay}&train_size=400&setting=narrow&width=100"
        assert f"weight decay {decay}," in page.execute_async_script(OVERTAKEN, later)


# Shapes of charts that are black, the default of a browser, which no theme of the page has.
BLACK = """
return [...document.querySelectorAll('.chart svg :is(path, line, text)')].filter((one) => {
  const {fill, stroke, opacity} = getComputedStyle(one);
  return !one.closest('clipPath') && Number(opacity) && [fill, stroke].includes('rgb(0, 0, 0)');
}).map((one) => `${one.closest('.chart').id}: ${one.outerHTML.slice(0, 160)}`);
"""


def test_every_shape_of_a_chart_follows_the_theme(page):
    with emulated(page, 1440, "dark"):
        opened(page, page.current_url)
        assert page.execute_script(BLACK) == []
