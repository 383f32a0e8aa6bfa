"""The key beside the diagram: it has the signs that cells on show have, and no others."""

import pytest
from browsing import emulated, folded, go, needs_chromium, opened, settled
from selenium.webdriver.common.by import By
from simulated import QUICK, simulate
from thinned import thinned

from analysis import load_trials, write_report
from analysis.charts.cell_signs import CELL_SIGNS
from analysis.phases.classify import FLAGS
from analysis.phases.grid import make_grid
from analysis.phases.quantities import with_quantities

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)


def key(page):
    """The words of each sign in the key."""
    items = page.find_elements(By.CSS_SELECTOR, "#signs li")
    return {item.get_attribute("data-sign"): item.text for item in items}


def drawn(store):
    """The signs that the cells of a study have, but for the boundary, which is not of a cell."""
    cells = with_quantities(make_grid(load_trials(store)).cells)
    colored = cells["kind"] == "collapsed"
    has = {
        "count": True,
        "pale": (cells["phase_share"] < 1).any(),
        "hatched": cells["hatched"].any(),
        "semi_grokking": (cells["semi_grokking"] > 0).any(),
        "ungrokked": (cells["ungrokked"] > 0).any(),
        "broken": ((cells["collapsed"] + cells["diverged"] > 0) & ~colored).any(),
    }
    return {name for name, some in has.items() if some}


def test_the_key_has_the_signs_of_the_cells(browser, store, report):
    page = opened(browser, report.as_uri())
    signs = drawn(store)
    assert {"pale", "broken"} <= signs
    assert {*key(page)} - {"boundary"} == signs
    assert ("boundary" in key(page)) == bool(
        page.find_elements(By.CSS_SELECTOR, "#diagram .mark-line path")
    )
    assert all(said == CELL_SIGNS[name] for name, said in key(page).items())
    go(page, color="share")
    assert {*key(page)} - {"boundary"} == signs - {"pale", "count"}


def test_signs_that_small_cells_have_no_room_for_are_not_in_the_key(browser, report):
    with emulated(browser, 390):
        page = opened(browser, report.as_uri())
        assert {"count", "broken"} <= {*key(page)}
    with emulated(browser, 320):
        settled(page)
        page = opened(browser, report.as_uri())
        assert not {"count", "broken", "semi_grokking"} & {*key(page)}
        assert "pale" in key(page)


def test_a_flag_in_a_corner_is_told_in_full_below_the_diagram(browser, tmp_path):
    store = thinned(tmp_path / "ungrok", "ungrok", 'setting in ["k3 grokked 90", "k3 new 200"]')
    write_report(store, tmp_path / "report.html")
    page = opened(browser, (tmp_path / "report.html").as_uri())
    assert "lost it again" in key(page)["ungrokked"]
    said = folded(page, "diagram-said")
    assert f"ungrokked: {FLAGS['ungrokked']}." in said
    assert "collapsed:" not in said
