"""The report, opened from a file in a real browser without a network."""

import copy
import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import vl_convert
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from simulated import QUICK, simulate

from analysis import charts, load_trials, write_report
from analysis.diagram import make_diagram

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER) and "CI" not in os.environ, reason="no chromium outside CI"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A study whose width varies, too, and one of whose corners no trial has reached."""
    study = copy.deepcopy(QUICK)
    study["axes"] |= {"n": 20, "train_size": [200, 400, 1000], "weight_decay": [0.001, 0.01, 0.1]}
    wide = {"label": "</script><b>wide", "axes": {"width": 200, "train_size": [200, 400]}}
    wide["axes"]["weight_decay"] = [0.01, 0.1]
    study["settings"] = [{"label": "narrow"}, wide]
    return simulate(tmp_path_factory.mktemp("store") / "quick", study)


@pytest.fixture(scope="module")
def report(store):
    path = store.parent / "report.html"
    write_report(store, path)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_window_size(1280, 1000)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, report):
    browser.get(report.as_uri())
    waits(browser, lambda: curves(browser))
    return browser


def waits(browser, condition):
    WebDriverWait(browser, 20).until(lambda _: condition())


def curves(browser):
    """The shapes of the lines on show."""
    lines = browser.find_elements(By.CSS_SELECTOR, "#curves .mark-line path")
    return [line.get_attribute("d") for line in lines]


def cells(browser, chart="phase-diagram"):
    """Filled cells of a diagram, by what a screen reader says of each."""
    found = browser.find_elements(By.CSS_SELECTOR, f"#{chart} path[aria-label]")
    return {path.get_attribute("aria-label"): path for path in found}


def click(browser, shape):
    """A click as the mouse does it, on whatever lies on top of the shape's middle."""
    webdriver.ActionChains(browser).move_to_element(shape).click().perform()


def title(browser):
    return browser.find_element(By.ID, "cell-title").text


def test_it_opens_on_a_cell_that_grokked(page):
    assert "grokking" in page.find_element(By.ID, "cell-said").text
    assert len(curves(page)) == 2 * 5  # train and test rows of five seeds
    assert page.find_element(By.TAG_NAME, "h1").text == "quick"


@pytest.mark.parametrize("chart", ["phase-diagram", "time-map"])
def test_a_click_on_a_cell_shows_its_curves(page, chart):
    before, place = curves(page), title(page)
    said, shape = next((s, p) for s, p in cells(page, chart).items() if place not in s)
    click(page, shape)
    waits(page, lambda: title(page) != place)
    assert said.startswith(title(page))
    waits(page, lambda: curves(page) and curves(page) != before)
    rows = page.find_elements(By.CSS_SELECTOR, "#trials tbody tr")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == list("01234")


def test_the_table_twin_says_the_same_and_selects(page, store):
    page.find_element(By.TAG_NAME, "summary").click()
    grid = make_diagram(load_trials(store)).cells
    for cell in grid[(grid["setting"] == "narrow") & (grid["width"] == "100")].itertuples():
        row = page.find_element(By.XPATH, f"//div[@id='twin']//tr[th='{cell.train_size}']")
        assert f"{cell.phase} {cell.count_text}" in row.text
    button = page.find_element(By.CSS_SELECTOR, "#twin button[aria-pressed=false]")
    said = button.get_attribute("title")
    button.click()
    waits(page, lambda: said.startswith(title(page)))


def test_another_slice_shows_its_cells_and_those_without_trials(page):
    assert len(cells(page)) == 9
    Select(page.find_element(By.ID, "slice-setting")).select_by_index(0)
    Select(page.find_element(By.ID, "slice-width")).select_by_visible_text("200")
    waits(page, lambda: any("width 200" in said for said in cells(page)))
    assert sum(said.endswith("no trials") for said in cells(page)) == 5
    assert "width 200" in title(page)
    assert len(curves(page)) == 10


def test_nothing_is_fetched_and_nothing_complains(page):
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in sent]
    assert asked
    assert [url for url in asked if url.startswith(("http", "ws", "//"))] == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "dark"), (390, "light")])
def test_it_fits_phones_and_dark_rooms(page, width, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.execute_script(overflow) <= 0
    ink = "return getComputedStyle(document.querySelector('#curves .role-axis-title text')).fill"
    shade = sum(map(int, page.execute_script(ink)[4:-1].split(",")))
    assert (shade > 600) == (scheme == "dark")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_report_of_300_trials_is_small_and_the_same_twice(tmp_path):
    study = copy.deepcopy(QUICK)
    study |= {"seeds": 10}
    store = simulate(tmp_path / "quick", study)
    assert len(load_trials(store)) == 300
    for name in ("one.html", "two.html"):
        write_report(store, tmp_path / name)
    assert Path(tmp_path / "one.html").stat().st_size < 2e6
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_each_epoch_on_the_axis_is_written_by_itself():
    readings = pd.DataFrame(
        {"seed": 0, "set": "train", "epoch": [0, 30, 2000], "accuracy": [0.5, 0.9, 1.0]}
    )
    events = pd.DataFrame({"epoch": [30], "event": ["half memorised: 30"]})
    drawing = charts.curves(readings, events).to_dict()
    written = re.findall(r"<text[^>]*>([^<]*)</text>", vl_convert.vegalite_to_svg(drawing))
    assert {"0", "10", "30", "100", "1k"} <= set(written)
    assert "0k" not in written
