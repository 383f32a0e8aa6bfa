"""Where things lie on the page, seen as a reader scrolls: nothing covers what is to be clicked."""

import pytest
from browsing import (
    chromium,
    covered,
    emulated,
    needs_chromium,
    opened,
    press,
    settled,
    text,
    waits,
)
from simulated import simulate

from analysis import write_report

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(simulate(folder / "quick"), folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.mark.parametrize("width", [390, 768, 1440, 1920])
def test_every_control_can_be_clicked_wherever_it_is_scrolled_to(browser, report, width):
    with emulated(browser, width):
        opened(browser, report.as_uri())
        for trial_is_shown in (False, True):
            if trial_is_shown:
                press(browser, "#members button")
                settled(browser)
                waits(browser, lambda: text(browser, "trial"))
            seen, hidden = covered(browser)
            assert hidden == []
            assert {"x", "where", "every-column", "Filter", "Download CSV", "PNG"} <= {*seen}
