"""On a phone the sections below the cell are folded: a heading, a sentence, the rest on demand."""

import pytest
from browsing import emulated, needs_chromium, opened, press, settled, text, unfold, waits
from selenium.webdriver.common.by import By

from analysis import load_trials, summary

pytestmark = [needs_chromium, pytest.mark.slow]


def height(page):
    return page.execute_script("return document.documentElement.scrollHeight")


def test_a_phone_has_a_third_of_the_length_and_a_sentence_for_what_is_folded(page, store):
    with emulated(page, 390):
        opened(page, page.current_url)
        phases = summary(load_trials(store)).set_index("phase")
        grokking = phases.loc["grokking"]
        early, late = (grokking[f"{event}_median_epoch"] for event in ("memorized", "generalized"))
        said = f"nets grokked, from epoch {early:.0f} to epoch {late:.0f} in the median."
        assert text(page, "delays-brief").startswith(f"{grokking['trials']:.0f} {said}")
        assert text(page, "times-brief").startswith("Of 5 laws, ")
        assert text(page, "all-brief").startswith(f"{phases['trials'].sum():.0f} trials")
        folded = height(page)
        unfold(page)
        assert folded < height(page) / 2.5


def test_a_section_is_drawn_when_it_is_unfolded(page):
    with emulated(page, 390):
        opened(page, page.current_url)
        assert not page.find_elements(By.CSS_SELECTOR, "#strip svg, #laws-figures svg")
        press(page, "#times summary")
        waits(page, lambda: page.find_elements(By.CSS_SELECTOR, "#laws-figures svg"))
        wide = page.find_element(By.CSS_SELECTOR, "#laws-figures svg").rect["width"]
        assert 250 < wide <= 390
        assert not page.find_elements(By.CSS_SELECTOR, "#strip svg")


def test_nothing_is_folded_where_there_is_room(page):
    with emulated(page, 390):
        opened(page, page.current_url)
    with emulated(page, 768):
        waits(page, lambda: page.find_elements(By.CSS_SELECTOR, "#strip svg"))
        settled(page)
        assert not page.find_elements(By.CSS_SELECTOR, ".fold:not([open])")
        assert not page.find_element(By.ID, "delays-brief").is_displayed()
