"""The page's diagram in facets: where cells lie, what is chosen, and what is left out."""

import copy
import re

import pytest
from browsing import (
    cells,
    click,
    emulated,
    go,
    needs_chromium,
    opened,
    settled,
    text,
    waits,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from simulated import QUICK, simulate

from analysis import load_trials

pytestmark = [needs_chromium, pytest.mark.slow]
DECAYS, SIZES, BITS = [0.001, 0.01, 0.1], [200, 400, 1000], [20, 30]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two settings; the second has other dataset sizes, between those of the first."""
    study = copy.deepcopy(QUICK)
    axes = {"n": BITS, "width": [50, 100], "train_size": SIZES, "weight_decay": DECAYS}
    few = {"n": 20, "width": 100, "train_size": [300, 600], "weight_decay": [0.01, 0.1]}
    study["axes"] |= axes
    study["settings"] = [{"label": "most"}, {"label": "few", "axes": few}]
    return simulate(tmp_path_factory.mktemp("store") / "quick", study)


def boxes(page):
    """The box of each cell on the screen, by n, width, weight decay and dataset size."""
    found = {}
    for said, path in cells(page).items():
        name = r"bits n (\d+), width (\d+), weight decay ([\d.]+), training rows ([\d,]+)"
        n, width, decay, rows = re.search(name, said).groups()
        found[int(n), int(width), float(decay), int(rows.replace(",", ""))] = path.rect
    return found


def names(page):
    """The names of the facets, from left to right and from top to bottom."""
    said = page.execute_script(
        "return [...document.querySelectorAll('#diagram .mark-text.role-mark text')].map((one) => "
        "[one.textContent, one.getBoundingClientRect().x, one.getBoundingClientRect().y])"
    )
    return [one[0] for one in sorted(said, key=lambda one: (one[2], one[1])) if "/" not in one[0]]


def test_it_opens_on_the_facets_of_the_fullest_slice(page):
    assert names(page) == ["input bits n 20", "input bits n 30"]
    shown = boxes(page)
    width = 50 if "width 50" in text(page, "cell-title") else 100
    assert set(shown) == {(n, width, decay, n_) for n in BITS for decay in DECAYS for n_ in SIZES}
    assert not [said for said in cells(page) if said.endswith("no trials")]
    for decay in DECAYS:
        for rows in SIZES:
            left, right = shown[20, width, decay, rows], shown[30, width, decay, rows]
            assert left["y"] == pytest.approx(right["y"], abs=1)
            assert max(one["x"] for key, one in shown.items() if key[0] == 20) < right["x"]


def test_a_click_and_the_keyboard_reach_every_facet(page):
    target = next(path for said, path in cells(page).items()
                  if "bits n 30" in said and "decay 0.1, training rows 200" in said)  # fmt: skip
    click(page, target)
    settled(page)
    assert "input bits n 30" in text(page, "cell-title")
    assert "weight decay 0.1, training rows 200" in text(page, "cell-title")
    diagram = page.find_element(By.ID, "diagram")
    diagram.send_keys(*[Keys.ARROW_LEFT] * 3)
    said = waits(page, lambda: text(page, "cursor-said"))
    assert "input bits n 20" in said
    assert "weight decay 0.1, training rows 200" in said
    diagram.send_keys(Keys.ENTER)
    waits(page, lambda: "input bits n 20" in text(page, "cell-title"))


def test_one_axis_two_or_none(page):
    Select(page.find_element(By.ID, "second-facet")).select_by_value("width")
    settled(page)
    expected = [f"input bits n {n}, width {width}" for width in (50, 100) for n in BITS]
    short = [name.replace("input bits n ", "").replace("width ", "") for name in expected]
    assert names(page) in (expected, short)
    assert len(boxes(page)) == 4 * 9
    assert "facet=n%2Cwidth" in page.current_url
    page.find_element(By.CSS_SELECTOR, "#twin-part summary").click()
    tables = page.find_elements(By.CSS_SELECTOR, "#twin table")
    assert [len(one.find_elements(By.TAG_NAME, "button")) for one in tables] == [9] * 4
    opened(page, page.current_url)
    assert len(boxes(page)) == 4 * 9
    Select(page.find_element(By.ID, "facet")).select_by_value("")
    settled(page)
    assert names(page) == []
    assert len(boxes(page)) == 9
    assert not page.find_element(By.ID, "second-facet").is_displayed()
    opened(page, page.current_url)
    assert names(page) == []
    Select(page.find_element(By.ID, "slice-n")).select_by_value("30")
    settled(page)
    assert {key[0] for key in boxes(page)} == {30}


def test_an_axis_is_drawn_or_a_facet_not_both(page):
    Select(page.find_element(By.ID, "x")).select_by_value("n")
    settled(page)
    assert names(page) == []
    assert len(boxes(page)) == 2 * 3
    options = Select(page.find_element(By.ID, "facet")).options
    assert "n" not in [option.get_attribute("value") for option in options]


def test_a_slice_has_only_its_own_values(page):
    """Dataset sizes of 300 and 600 belong to the other setting: neither leaves a hole."""
    go(page, facet="", setting="few", n="20", width="100", weight_decay="0.01", train_size="300")
    assert set(boxes(page)) == {(20, 100, d, rows) for d in (0.01, 0.1) for rows in (300, 600)}
    labels = page.find_elements(By.CSS_SELECTOR, "#diagram .role-axis-label text")
    assert sorted(label.text for label in labels) == ["0.01", "0.1", "300", "600"]


def test_the_slider_counts_the_nets_of_all_facets(page, store):
    trials = load_trials(store, "setting == 'most' and width == 50")
    page.execute_script(
        "const box = document.getElementById('moment');"
        "box.value = 500; box.dispatchEvent(new Event('input'));"
    )
    counts = waits(page, lambda: re.findall(r"^\d+", text(page, "stages"), re.MULTILINE))
    assert sum(map(int, counts)) == len(trials)


def test_on_a_phone_facets_go_below_each_other(page):
    with emulated(page, 390):
        go(page, facet="n,width")
        overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
        assert page.execute_script(overflow) <= 0
        go(page, facet="width", x="n")
        assert len(boxes(page)) == 2 * 2 * 3
