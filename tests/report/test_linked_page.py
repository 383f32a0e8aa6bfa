"""Linked views of the page: what is selected in one is counted, dimmed and listed in all."""

import json

import pytest
from browsing import (
    cells,
    covered,
    emulated,
    go,
    needs_chromium,
    opened,
    press,
    settled,
    unfold,
    waits,
)
from browsing import text as shown
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.phases.classify import PHASES, classify
from analysis.phases.quantities import CELL_KINDS, SELECTS

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)


def expect(page, trials, total):
    """Cards, chips, table and diagram show these trials and no others."""
    settled(page)
    waits(page, lambda: shown(page, "pages").endswith(f"of {len(trials)} trials"))
    assert shown(page, "selected-said") == f"{len(trials)} of {total} trials selected"
    counts = classify(trials)["phase"].value_counts()
    cards = page.find_elements(By.CSS_SELECTOR, "#phases li b")
    assert [int(card.text.split()[0]) for card in cards] == [counts[name] for name in PHASES]
    places = {f"decay {d:g}, training rows {n:,}" for d, n in
              zip(trials["weight_decay"], trials["train_size"], strict=True)}  # fmt: skip
    bright = {
        said.split(": ")[0].split("weight ")[1]
        for said, path in cells(page).items()
        if path.get_attribute("fill-opacity") != "0.15"
    }
    assert bright == places


@pytest.mark.parametrize("phase", ["grokking", "confusion"])
def test_a_card_selects_its_phase(page, store, phase):
    every = load_trials(store)
    wanted = every[classify(every)["phase"] == phase]
    press(page, f"[data-phase={phase}]")
    expect(page, wanted, len(every))
    assert f"only={phase}" in page.current_url
    opened(page, page.current_url)
    expect(page, wanted, len(every))
    press(page, f"[data-phase={phase}]")
    settled(page)
    assert not page.find_element(By.ID, "selection").is_displayed()
    assert shown(page, "pages").endswith(f"of {len(every)} trials")


def test_an_entry_of_the_legend_selects_and_a_chip_takes_it_back(page, store):
    labels = page.find_elements(By.CSS_SELECTOR, "#diagram .role-legend-label text")
    label = next(one for one in labels if one.text == "collapsed")
    webdriver.ActionChains(page).move_to_element(label).click().perform()
    expect(page, load_trials(store, SELECTS["collapsed"]), 150)
    press(page, "#chips button")
    settled(page)
    assert not page.find_element(By.ID, "selection").is_displayed()


def drag(page, first, last):
    """Draw a rectangle around the middles of two cells."""
    page.execute_script("document.getElementById('screen').scrollIntoView({block: 'center'})")
    found = {said.split(": ")[0]: path for said, path in cells(page).items()}
    a, b = (next(path for said, path in found.items() if end in said) for end in (first, last))
    chain = webdriver.ActionChains(page)
    chain.move_to_element_with_offset(a, -8, 8).click_and_hold()
    chain.move_to_element(b).move_to_element_with_offset(b, 8, -8).release().perform()


def test_a_rectangle_selects_cells(page, store):
    title = shown(page, "cell-title")
    drag(page, "decay 0.003, training rows 300", "decay 0.03, training rows 400")
    where = "weight_decay >= 0.003 and weight_decay <= 0.03 and train_size in [300, 400]"
    expect(page, load_trials(store, where), 150)
    assert shown(page, "cell-title") == title  # a rectangle is no click
    chip = page.find_element(By.CSS_SELECTOR, "#chips button")
    assert chip.text == "weight decay 0.003 to 0.03, training rows 300 to 400"
    press(page, "[data-phase=grokking]")
    expect(page, load_trials(store, f'{where} and phase == "grokking"'), 150)
    page.find_element(By.ID, "where").send_keys("seed < 2", Keys.ENTER)
    expect(page, load_trials(store, f'{where} and phase == "grokking" and seed < 2'), 150)
    assert len(page.find_elements(By.CSS_SELECTOR, "#chips button")) == 3
    page.back()
    expect(page, load_trials(store, f'{where} and phase == "grokking"'), 150)


def test_a_filter_dims_and_a_wrong_one_does_not(page, store):
    page.find_element(By.ID, "where").send_keys("generalized_epoch < 100", Keys.ENTER)
    expect(page, load_trials(store, "generalized_epoch < 100"), 150)
    go(page, where="generalized_epoch <")
    waits(page, lambda: shown(page, "where-wrong"))
    assert not page.find_element(By.ID, "selection").is_displayed()


@pytest.mark.parametrize("box", ["no json", json.dumps({"width": ["1", "2"]}), "[1]", "null"])
def test_an_address_that_somebody_changed_selects_nothing(page, box):
    go(page, box=box, only="nothing")
    assert not page.find_element(By.ID, "selection").is_displayed()


def test_every_trial_has_one_kind(store):
    every = load_trials(store)
    parts = [load_trials(store, SELECTS[kind])["trial_id"] for kind in CELL_KINDS]
    assert sum(map(len, parts)) == len(every)
    assert set().union(*parts) == set(every["trial_id"])


def test_chips_fit_a_phone_and_cover_nothing(page):
    go(page, only="grokking")
    for width in (390, 1440):
        with emulated(page, width):
            unfold(page)
            overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
            assert page.execute_script(overflow) <= 0
            # The edge of the table's own scrolling may cut a head of the table.
            assert [one for one in covered(page)[1] if not one.endswith(" by rows")] == []
    assert shown(page, "selected-said")
