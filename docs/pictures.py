"""Makes the pictures of README.md and docs/ again: `python docs/pictures.py`, some 40 s.

All of them are of the bundled study `quick`, which is trained first where build/pictures has no
store of it. The screenshot needs Chromium.
"""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import altair as alt
import pandas as pd
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from analysis import load_readings, load_trials
from analysis.charts.theme import CURVE_COLORS

DOCS = Path(__file__).parent
BUILD = DOCS.parent / "build" / "pictures"
STORE = BUILD / "runs" / "quick"
EVENTS = ("memorized", "generalized")
WIDE, HIGH = 1280, 1400  # of the screenshot, in pixels

# What the numbers of the screenshot point at, in the order in which README.md explains them.
CALLED_OUT = ("#found", "#phases", "#diagram-card h2", "#play", "#cell-title", "#delays h2")
MARK = """
const [selectors] = arguments;
selectors.forEach((selector, index) => {
  const {left, top, height} = document.querySelector(selector).getBoundingClientRect();
  const mark = document.createElement('div');
  mark.textContent = index + 1;
  mark.style.cssText = `position: absolute; z-index: 99; width: 20px; height: 20px;
    left: ${Math.max(left + scrollX - 26, 0)}px; top: ${top + scrollY + height / 2 - 10}px;
    border-radius: 10px; background: #b3123c; color: white; text-align: center;
    font: 700 12px/20px sans-serif`;
  document.body.append(mark);
});
"""
SHOWN = "return document.body.dataset.ready && document.body.dataset.shown === location.hash"


def commanded(*words: str) -> None:
    """Run a command of the project in the folder of the pictures."""
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(words, cwd=BUILD, check=True)


def grokking_trial(trials: pd.DataFrame) -> pd.DataFrame:
    """The row of a trial of one cell that groks: the one with the median delay."""
    cell = trials.query("train_size == 100 and 0.009 < weight_decay < 0.011")
    delay = (cell["generalized_epoch"] - cell["memorized_epoch"]).sort_values(kind="stable")
    return cell.loc[delay.index[len(delay) // 2 : len(delay) // 2 + 1]]


def draw_curve(target: Path) -> None:
    """What grokking is: the two accuracies of one net, over epochs."""
    trial = grokking_trial(load_trials(STORE))
    readings = load_readings(STORE, trial)
    names = {"train_accuracy": "training rows", "test_accuracy": "test rows"}
    curves = readings.rename(columns=names).melt("epoch", list(names.values()), "of", "accuracy")
    curves["epoch"] += 1  # a logarithmic axis has no 0
    x = alt.X("epoch:Q", title="epoch + 1").scale(type="log", nice=False)
    key = alt.Legend(title=None, orient="top-left")
    color = alt.Color("of:N", legend=key).scale(
        domain=list(names.values()), range=list(CURVE_COLORS.values())
    )
    height = alt.Y("accuracy:Q").scale(domain=[0.4, 1])
    lines = alt.Chart(curves).mark_line().encode(x=x, y=height, color=color)
    epochs = [int(trial[f"{event}_epoch"].iloc[0]) for event in EVENTS]
    said = [f"{event} at epoch {epoch:,}" for event, epoch in zip(EVENTS, epochs, strict=True)]
    marks = alt.Chart(pd.DataFrame({"epoch": [1 + epoch for epoch in epochs], "said": said}))
    marks = marks.encode(x="epoch:Q")
    rules = marks.mark_rule(strokeDash=[3, 3], color="#777")
    words = marks.mark_text(align="right", dx=-5, color="#333")
    words = words.encode(text="said:N", y=alt.value(205))
    chart = (rules + lines + words).properties(width=640, height=220)
    chart.configure(background="white").configure_axis(grid=False).save(target)


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """A Chromium without a window, of the width of a laptop."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.set_window_size(WIDE, HIGH)
        yield driver
    finally:
        driver.quit()


def shoot_page(target: Path) -> None:
    """The report as a reader meets it, with a number at each part that README.md explains."""
    with browser() as driver:
        driver.get((STORE / "report.html").resolve().as_uri())
        WebDriverWait(driver, 60).until(lambda page: page.execute_script(SHOWN))
        driver.execute_script(MARK, list(CALLED_OUT))
        clip = {"x": 0, "y": 0, "width": WIDE, "height": HIGH, "scale": 1}
        how = {"format": "webp", "quality": 75, "captureBeyondViewport": True, "clip": clip}
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", how)
        target.write_bytes(base64.b64decode(taken["data"]))


def copy_figures() -> None:
    """The phase diagram and the study in motion, as `analysis figures` draws them."""
    commanded("analysis", "figures", "runs/quick", "-o", "figures.html")
    shutil.copy(BUILD / "figures_files" / "motion.svg", DOCS / "quick-motion.svg")
    shutil.copy(BUILD / "figures_files" / "diagram-phase.svg", DOCS / "quick.svg")


def main() -> int:
    """Train the study where it is missing, then draw every picture."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commanded("study", "run", "quick")
    copy_figures()
    draw_curve(DOCS / "grokking.svg")
    shoot_page(DOCS / "page.webp")
    return 0


if __name__ == "__main__":
    sys.exit(main())
