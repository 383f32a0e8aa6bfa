"""Reports of very many trials: how large they are, and how fast in a browser."""

import time

import numpy as np
import pytest
from browsing import CLICK_A_CELL, chromium, needs_chromium, opened
from crowd import crowd, crowd_store, readings_of

from analysis import write_report
from analysis.phases.grid import MAX_CELLS, make_grid
from analysis.report.archive import MAX_ROWS, carried
from analysis.report.state import page_state

pytestmark = pytest.mark.slow
AXES = {
    "weight_decay": np.geomspace(1e-3, 1, 10).tolist(),
    "train_size": [100, 140, 200, 280, 400, 560, 800, 1100, 1600, 2200],
    "width": [50, 100, 200, 400, 800],
    "n": [20, 30],
}


def busy(browser):
    """Seconds that the page's thread has worked, whatever else the machine does."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "TaskDuration")


@needs_chromium
@pytest.mark.timeout(900)
def test_a_report_of_10000_trials(tmp_path):
    trials = crowd(10_000, 10, AXES)
    store = crowd_store(tmp_path / "crowd", trials, readings_of(trials, 50))
    path = tmp_path / "report.html"
    write_report(store, path)
    size = path.stat().st_size
    print(f"{size / 1e6:.2f} MB")
    assert size <= 4e6
    with chromium(tmp_path) as browser:
        browser.get("about:blank")
        browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        opened(browser, path.as_uri())
        ready = "return performance.getEntriesByName('ready')[0].startTime"
        print(f"ready after {browser.execute_script(ready):.0f} ms, busy {busy(browser):.2f} s")
        for _ in range(5):
            began = busy(browser)
            took = browser.execute_async_script(CLICK_A_CELL)
            print(f"click {took:.0f} ms, busy {busy(browser) - began:.3f} s")


# Moves the slider through the training, and gives the milliseconds of each drawing.
DRAWINGS = """
const done = arguments[0], box = document.getElementById('moment'), took = [];
const step = async (value) => {
  box.value = value;
  const began = performance.now();
  box.dispatchEvent(new Event('input'));
  for (let i = 0; i < 20; i++) await null;  // the drawing waits for nothing but promises
  took.push(performance.now() - began);
  if (value < 990) requestAnimationFrame(() => step(value + 5));
  else done(took.slice(1));  // the first loads the stripes
};
step(0);
"""
# Plays the training, and gives the milliseconds from each frame to the next.
FRAMES = """
const done = arguments[0], box = document.getElementById('moment'), took = [];
let before = 0;
const frame = (now) => {
  if (before) took.push(now - before);
  before = now;
  if (box.value < 1000) requestAnimationFrame(frame);
  else done(took.slice(5));
};
box.value = 1000;
document.getElementById('play').click();
requestAnimationFrame(frame);
"""


@needs_chromium
@pytest.mark.timeout(900)
def test_the_diagram_while_10000_trials_train(tmp_path):
    """Frames of the slider, where all 10,000 trials are on show, and in a slice of 1,000."""
    trials = crowd(10_000, 10, AXES)
    store = crowd_store(tmp_path / "crowd", trials, readings_of(trials, 50))
    write_report(store, tmp_path / "report.html")
    with chromium(tmp_path) as browser:
        browser.set_script_timeout(60)
        for facets in ("", "n,width"):
            opened(browser, f"{(tmp_path / 'report.html').as_uri()}#facet={facets}")
            drawn = browser.execute_async_script(DRAWINGS)
            shown = browser.find_element("id", "stages").text.splitlines()
            stripes = sum(int(line.split()[0].replace(",", "")) for line in shown)
            played = browser.execute_async_script(FRAMES)
            print(f"{stripes:,} trials on show:", *map(quantiles, (drawn, played)), sep="\n  ")
            assert stripes == (10_000 if facets else 1_000)


def quantiles(milliseconds):
    """The median and the 95th percentile in words."""
    half, most = np.percentile(milliseconds, [50, 95])
    return f"{len(milliseconds)} times, median {half:.1f} ms, 95% {most:.1f} ms"


@pytest.mark.timeout(900)
def test_a_million_trials_become_a_page():
    axes = {**AXES, "k": [2, 3, 4, 5, 6], "learning_rate": np.geomspace(0.01, 1, 10).tolist()}
    trials = crowd(1_000_000, 20, axes)
    assert trials["point_id"].nunique() == 50_000
    began = time.process_time()
    grid = make_grid(trials)
    state = page_state(trials, {}, grid=grid)
    rows = carried(trials, grid)
    print(f"{len(grid.cells)} cells, {time.process_time() - began:.1f} s of one core")
    assert state["aggregated"]
    assert len(grid.cells) <= MAX_CELLS
    assert sum(state["cells"]["trials"]) == 1_000_000
    assert len(rows) == MAX_ROWS
    assert rows["cell"].nunique() == len(grid.cells)
