"""The page's diagram in each of its colorings, in a real browser."""

import re

import pytest
from browsing import cells, folded, go, needs_chromium, opened, overlapping, settled
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.charts.coloring import COLORINGS, KIND_COLORS
from analysis.phases.grid import make_grid
from analysis.phases.quantities import QUANTITIES, ramps, with_quantities

pytestmark = [needs_chromium, pytest.mark.slow]


def texts_of(page):
    """The texts of cells, axes and the legend."""
    texts = page.find_elements(By.CSS_SELECTOR, "#diagram svg text")
    return {one.get_attribute("textContent") for one in texts}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)


@pytest.fixture(scope="module")
def page(browser, report):
    yield opened(browser, report.as_uri())
    assert browser.get_log("browser") == []


@pytest.fixture(scope="module")
def grid(store):
    return make_grid(load_trials(store))


def test_the_menu_has_what_the_study_has(page, grid):
    options = [one.text for one in Select(page.find_element(By.ID, "color")).options]
    found = ramps(with_quantities(grid.cells))
    assert options == ["phase", *(QUANTITIES[name].title for name in found)]
    assert "final effective sparsity" not in options


@pytest.mark.parametrize("color", [name for name in COLORINGS if name not in {"norm", "sparsity"}])
def test_each_coloring_is_drawn_and_its_texts_are_apart(page, color):
    go(page, color=color)
    assert len(cells(page)) == 30
    fills = {path.value_of_css_property("fill") for path in cells(page).values()}
    assert len(fills) > 2
    assert overlapping(page, "#diagram") == []
    if color != "phase":
        unit = QUANTITIES[color].unit
        assert unit in texts_of(page)


def test_a_cell_says_its_number(page, grid):
    go(page, color="delay")
    said = texts_of(page)
    delays = with_quantities(grid.cells)["delay_epochs"].dropna()
    assert len(delays)
    assert {f"{delay:,.0f}" for delay in delays} <= said


def test_collapsed_cells_have_their_own_color_and_words(page, grid):
    go(page, color="phase")
    settled(page)
    shade = KIND_COLORS["collapsed"]
    wanted = "rgb({}, {}, {})".format(*(int(shade[i : i + 2], 16) for i in (1, 3, 5)))
    dark = {
        said for said, path in cells(page).items() if path.value_of_css_property("fill") == wanted
    }
    kinds = with_quantities(grid.cells)["kind"]
    assert len(dark) == (kinds == "collapsed").sum() > 0
    assert all("weight decay 0.3" in said for said in dark)
    assert re.search(r"Confusion is split: collapsed, ", folded(page, "diagram-said"))


def test_an_address_may_ask_for_what_the_study_does_not_have(page):
    go(page, color="sparsity")
    assert Select(page.find_element(By.ID, "color")).first_selected_option.text == "phase"
