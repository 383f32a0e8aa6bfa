"""The page's diagram while nets train: what its stripes show, and how its controls behave."""

import numpy as np
import pytest
from browsing import emulated, needs_chromium, opened, settled, text, waits
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.charts.coloring import STAGE_COLORS
from analysis.phases.stages import STAGES, StageEpochs

pytestmark = [needs_chromium, pytest.mark.slow]
# The color of the canvas at a share of its width and height.
PIXEL = """
const box = document.getElementById("motion");
const copy = new OffscreenCanvas(box.width, box.height);
const context = copy.getContext("2d", {willReadFrequently: true});
context.drawImage(box, 0, 0);
const [x, y] = [arguments[0] * box.width, arguments[1] * box.height];
return [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
"""
# The sides of the canvas and of the cells together, in pixels of the window.
SIDES = """
const of = (box) => {
  const {left, top, right, bottom} = box.getBoundingClientRect();
  return [left, top, right, bottom];
};
const cells = [...document.querySelectorAll("#diagram path[aria-label*=generalized]")].map(of);
const all = [Math.min, Math.min, Math.max, Math.max].map((least, side) =>
  least(...cells.map((cell) => cell[side])));
return [of(document.getElementById("motion")), all];
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)


@pytest.fixture(scope="module")
def page(browser, report):
    yield opened(browser, report.as_uri())
    assert browser.get_log("browser") == []


def move(page, value):
    """Put the slider somewhere, as a mouse does; the epoch that the page then says."""
    page.execute_script(
        "const box = document.getElementById('moment');"
        "box.value = arguments[0]; box.dispatchEvent(new Event('input'));",
        value,
    )
    waits(
        page,
        lambda: (
            "end of" in text(page, "moment-said")
            if value == 1000
            else "epoch" in text(page, "moment-said")
        ),
    )
    return text(page, "moment-said").removeprefix("epoch ").replace(",", "")


def counts(page):
    return [int(item.split()[0]) for item in text(page, "stages").splitlines()]


@pytest.mark.parametrize("value", [0, 300, 600, 990])
def test_it_counts_what_the_nets_have_done(page, store, value):
    epoch = int(move(page, value))
    stages = StageEpochs.of(load_trials(store)).at(epoch)
    assert counts(page) == [int((stages == index).sum()) for index in range(len(STAGES))]


def stage_at(page, x, y):
    """The stage whose color the canvas has there, to a rounding of the browser."""
    found = np.array(page.execute_script(PIXEL, x, y))
    away = {
        name: abs(found - [int(color[at : at + 2], 16) for at in (1, 3, 5)]).max()
        for name, color in STAGE_COLORS.items()
    }
    [(name, _)] = [pair for pair in away.items() if pair[1] <= 2]
    return name


def test_cells_have_the_colors_of_their_nets(page):
    move(page, 0)
    assert stage_at(page, 0.97, 0.05) == "learning"
    move(page, 999)  # a weight decay of 0.3, at the right, collapses; few rows, below, memorize
    assert stage_at(page, 0.97, 0.05) == "broken"
    assert stage_at(page, 0.02, 0.95) == "waiting"
    assert stage_at(page, 0.58, 0.05) in {"grokked", "soon"}


def test_at_its_end_the_diagram_itself_shows(page):
    move(page, 500)
    assert page.find_element(By.ID, "motion").is_displayed()
    assert move(page, 1000) == "end of training"
    assert not page.find_element(By.ID, "motion").is_displayed()
    assert not page.find_element(By.ID, "stages").is_displayed()


def test_it_plays_pauses_and_obeys_the_keyboard(page):
    move(page, 1000)
    button, slider = page.find_element(By.ID, "play"), page.find_element(By.ID, "moment")
    button.send_keys(Keys.ENTER)
    waits(page, lambda: 0 < int(slider.get_attribute("value")) < 1000)
    assert button.text == "Pause"
    button.send_keys(Keys.ENTER)
    assert button.text == "Play"
    value = int(slider.get_attribute("value"))
    slider.send_keys(Keys.ARROW_RIGHT)
    assert int(slider.get_attribute("value")) == value + 1
    assert slider.get_attribute("aria-valuetext").startswith("epoch ")


def test_less_motion_goes_in_steps(page):
    media = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    move(page, 1000)
    button, slider = page.find_element(By.ID, "play"), page.find_element(By.ID, "moment")
    button.click()
    waits(page, lambda: 0 < int(slider.get_attribute("value")) < 1000)
    assert int(slider.get_attribute("value")) in {round(step / 12 * 1000) for step in range(12)}
    button.click()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_lies_over_the_cells_at_every_width(page):
    def aligned():
        canvas, cells = page.execute_script(SIDES)
        return canvas == pytest.approx(cells, abs=3)

    for width in (1440, 768, 390):
        with emulated(page, width):
            settled(page)
            move(page, 999)
            waits(page, aligned)
