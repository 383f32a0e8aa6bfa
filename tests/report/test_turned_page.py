"""The diagram with its axes in each other's place, in a real browser: the same picture, turned."""

import numpy as np
import pytest
from browsing import go, needs_chromium, opened, text, waits
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from simulated import QUICK, simulate

from analysis.report.page import write_report

pytestmark = [needs_chromium, pytest.mark.slow]
# Where line and bands of the boundary lie: left, right, bottom and top as shares of the plot.
BOXES = """
const plot = document.querySelector('#diagram .role-frame > g > path.background').getBBox();
return [...document.querySelectorAll('#diagram :is(.mark-area, .mark-line).role-mark path')]
  .filter((path) => path.getAttribute('d')).map((path) => path.getBBox())
  .map(({x, y, width, height}) => [x / plot.width, (x + width) / plot.width,
    1 - (y + height) / plot.height, 1 - y / plot.height]);
"""
WIDTH = "return document.querySelector('#diagram svg').getBoundingClientRect().width"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(simulate(folder / "quick", QUICK), folder / "report.html")
    return (folder / "report.html").as_uri()


def test_axes_that_change_places_turn_the_boundary_and_its_bands(browser, report):
    opened(browser, report)
    before, wide = np.array(browser.execute_script(BOXES)), browser.execute_script(WIDTH)
    assert len(before) >= 3  # a line, and two bands
    go(browser, x="train_size", y="weight_decay")
    turned = np.array(browser.execute_script(BOXES))[:, [2, 3, 0, 1]]
    assert len(turned) == len(before)
    for box in before:
        assert np.abs(turned - box).max(axis=1).min() < 0.01
    go(browser, x="weight_decay", y="train_size")
    np.testing.assert_allclose(browser.execute_script(BOXES), before, atol=0.01)
    assert browser.execute_script(WIDTH) == wide


def test_the_list_of_a_cell_names_the_patience_on_show(browser, report):
    opened(browser, report)
    for patience in ("40", "20", "10"):
        Select(browser.find_element(By.ID, "patience")).select_by_value(patience)
        waits(browser, lambda asked=patience: f"phase at {asked}" in text(browser, "members"))
