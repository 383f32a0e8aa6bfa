"""Curves of the page that answer: the values under the mouse, and what many seeds do together."""

import copy
import re

import numpy as np
import pytest
from browsing import (
    curves,
    emulated,
    go,
    needs_chromium,
    opened,
    press,
    settled,
    text,
    waits,
)
from selenium.webdriver.common.by import By
from simulated import QUICK, simulate

from analysis import load_readings, load_trials, write_report
from analysis.report.scripts import joined_modules
from analysis.report.state import accuracy_levels
from analysis.report.template import web_file

pytestmark = [needs_chromium, pytest.mark.slow]
ASK = (
    'import {bandOf, quartilesOf} from "./quartiles.js";\n'
    "Object.assign(window, {bandOf, quartilesOf});\n"
)
# Put the mouse at a share of the width of a chart's plot.
POINT = """
const svg = document.querySelector('#curve-accuracy svg');
const {left, top, width, height} = svg.querySelector('.background').getBoundingClientRect();
document.getElementById('curve-accuracy').dispatchEvent(new PointerEvent('pointermove',
  {clientX: left + arguments[0] * width, clientY: top + height / 2, bubbles: true}));
"""
NAMES = """
// The halos have no fill.
return [...document.querySelectorAll('#curve-accuracy .mark-text.role-mark text[fill]')]
  .map((one) => [one.textContent, one.getBoundingClientRect().toJSON()]);
"""
CELL = {"weight_decay": "0.01", "train_size": "400"}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A study of 5 seeds a point, and one of 11."""
    folder = tmp_path_factory.mktemp("store")
    axes = {**QUICK["axes"], "weight_decay": [0.01, 0.1], "train_size": [400, 600]}
    study = copy.deepcopy(QUICK) | {"axes": axes}
    stores = {n: simulate(folder / str(n), study | {"seeds": n}) for n in (5, 11)}
    for store in stores.values():
        write_report(store, store.with_suffix(".html"))
    return stores


@pytest.fixture(params=[5, 11])
def page(request, browser, stores):
    opened(browser, stores[request.param].with_suffix(".html").as_uri())
    go(browser, **CELL)
    browser.seeds, browser.store = request.param, stores[request.param]
    yield browser
    assert browser.get_log("browser") == []


def test_many_seeds_are_quartiles_until_all_are_wanted(page):
    areas = page.find_elements(By.CSS_SELECTOR, "#curve-accuracy .mark-area path")
    many = page.seeds > 8
    assert page.find_element(By.ID, "every-seed").is_displayed() == many
    assert len(curves(page)) == (2 if many else 2 * page.seeds)
    assert len(areas) == (2 if many else 0)
    if many:
        press(page, "#members button")
        settled(page)
        waits(page, lambda: len(curves(page)) == 2 + 2)  # with the lines of this trial
        press(page, "#every-seed")
        waits(page, lambda: len(curves(page)) == 2 * page.seeds)
        assert not page.find_elements(By.CSS_SELECTOR, "#curve-accuracy .mark-area path")


def expected(store, epoch):
    """The median accuracies of the cell's trials at an epoch, of their last readings until then."""
    trials = load_trials(store, "weight_decay == 0.01 and train_size == 400")
    readings = load_readings(store, trials)
    until = readings[readings["epoch"] <= epoch].sort_values("epoch").groupby("trial_id").last()
    return until["train_accuracy"].median(), until["test_accuracy"].median()


@pytest.mark.parametrize("share", [0.3, 0.62, 0.9])
def test_the_values_under_the_mouse(page, share):
    page.execute_script(POINT, share)
    said = waits(page, lambda: text(page, "curve-accuracy-said"))
    epoch, train, test = map(
        float, re.fullmatch(r"epoch ([\d,]+): train ([\d.]+), test ([\d.]+)", said).groups()
    )
    found = [expected(page.store, at) for at in np.linspace(epoch - 0.5, epoch + 0.5, 5)]
    assert any(np.allclose([train, test], pair, atol=0.002) for pair in found)
    assert len(page.find_elements(By.CSS_SELECTOR, "#curve-weight-norm .mark-rule line")) > 1
    page.execute_script(
        "document.getElementById('curve-accuracy').dispatchEvent(new PointerEvent('pointerleave'))"
    )
    waits(page, lambda: not text(page, "curve-accuracy-said"))


@pytest.mark.parametrize("width", [390, 1440])
def test_names_are_written_and_apart(page, width):
    with emulated(page, width):
        opened(page, page.current_url)
        boxes = page.execute_script(NAMES)
        names = {name for name, _ in boxes}
        assert {"train", "test", "chance"} <= names
        assert any(name.startswith("half memorized: ") for name in names)
        for i, (a, one) in enumerate(boxes):
            for b, two in boxes[i + 1 :]:
                across = min(one["right"], two["right"]) - max(one["left"], two["left"])
                down = min(one["bottom"], two["bottom"]) - max(one["top"], two["top"])
                assert min(across, down) <= 2, (a, b)


def test_levels_are_those_of_the_study(stores):
    trials = load_trials(stores[5])
    assert [level["text"] for level in accuracy_levels(trials, {})] == ["chance"]
    settings = {"a": {"detect": {"generalized": 0.95}}, "b": {"detect": {"generalized": 0.95}}}
    found = accuracy_levels(trials, {"settings": settings})
    assert [(level["text"], level["value"]) for level in found] == [
        ("chance", 0.5),
        ("threshold", 0.95),
    ]
    settings["b"]["detect"]["generalized"] = 0.9  # two thresholds: no line
    assert len(accuracy_levels(trials, {"settings": settings})) == 1
    modular = trials.assign(task="addition", modulus=10)
    assert accuracy_levels(modular, {})[0]["value"] == 0.1


def test_quartiles_are_those_of_numpy(browser):
    script = joined_modules("ask.js", lambda name: ASK if name == "ask.js" else web_file(name))
    browser.execute_script(script)
    rng = np.random.default_rng(1)
    for count in (1, 2, 3, 8, 11):
        numbers = rng.normal(size=count)
        found = browser.execute_script("return quartilesOf(arguments[0])", numbers.tolist())
        np.testing.assert_allclose(found, np.quantile(numbers, [0.25, 0.5, 0.75]))
    curves_ = [{"epochs": [0, 5, 9], "values": [1, 2, 3]}, {"epochs": [0, 4], "values": [5, 7]}]
    band = browser.execute_script("return bandOf(arguments[0])", curves_)
    assert [(row["epoch"], row["median"]) for row in band] == [(0, 3), (4, 4), (5, 4.5), (9, 5)]
