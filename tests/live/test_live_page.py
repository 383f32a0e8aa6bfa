"""The live page in a real browser: it follows its study, and outlives its server."""

import random
import shutil
import time
from functools import partial

import pyarrow.parquet as pq
import pytest
from asking import serving, without_fits
from browsing import (
    cells,
    click,
    covered,
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
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from simulated import QUICK, begun, empty_store, simulate, write_simulated

from analysis import load_trials, summary
from study.store.store import Store

pytestmark = [needs_chromium, pytest.mark.slow]
AXES = {**QUICK["axes"], "weight_decay": [0.001, 0.01], "train_size": [400, 600]}
FEW = {**QUICK, "axes": AXES, "seeds": 3}
DECAYING = {**FEW, "axes": {**AXES, "weight_decay": [0.03, 0.1]}}  # for 5 decay times in all trials


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("<p>fitted</p>"):
        yield


def grow(store, study, folder):
    """The study goes on: more of its trials, in parts of their own."""
    later = simulate(folder / "later", study)
    for table in ("readings", "trials"):
        (store / table).mkdir(exist_ok=True)
        for number, part in enumerate((later / table).iterdir()):
            name = f"part-{folder.name}-{number}.parquet"
            shutil.copy(part, store / table / f".{name}")  # whole before it has its name
            (store / table / f".{name}").rename(store / table / name)


def counted(browser):
    """How many trials the page says there are."""
    return browser.find_element(By.CSS_SELECTOR, "#facts dd").text


def test_trials_arrive_and_the_selection_stays(browser, tmp_path):
    store = empty_store(tmp_path / "quick")
    with serving(store) as served:
        browser.get(served.url)
        waits(browser, lambda: "No trials yet" in text(browser, "found"))
        grow(store, FEW, tmp_path / "first")
        waits(browser, partial(counts, browser, 12))
        settled(browser)
        go(browser, weight_decay="0.01", train_size="600")
        title, lines = text(browser, "cell-title"), len(curves(browser))
        press(browser, "#members button")
        settled(browser)
        trial = waits(browser, lambda: text(browser, "trial"))
        grow(store, {**FEW, "seeds": 5}, tmp_path / "second")
        waits(browser, lambda: counted(browser) == "20")
        waits(browser, lambda: len(curves(browser)) == 2 * 5)
        assert lines == 2 * 3
        assert text(browser, "cell-title") == title
        assert text(browser, "trial") == trial
        assert browser.find_elements(By.CSS_SELECTOR, "#members tr.chosen")
        assert text(browser, "laws-said").split("\n") == ["Of the trials so far.", "fitted"]
        browser.execute_script(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        )
        time.sleep(1)  # for an answer on its way
        browser.execute_script("performance.clearResourceTimings()")
        time.sleep(4)  # two questions long
        assert browser.execute_script("return performance.getEntriesByType('resource')") == []
        browser.execute_script(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
        waits(
            browser,
            lambda: browser.execute_script(
                "return performance.getEntriesByType('resource').length"
            ),
        )


def counts(browser, trials):
    """Whether the page says that there are so many trials."""
    return counted(browser) == str(trials)


PLACES = """
const boxes = [...document.querySelectorAll('#diagram .mark-rect path[aria-label]')];
return boxes.map((box) => box.getBoundingClientRect())
  .map(({left, top, width, height}) => [left, top, width, height].map(Math.round).join());
"""


def places(browser):
    """Where the cells are in the window."""
    return set(browser.execute_script(PLACES))


def test_nothing_moves_while_trials_come(browser, tmp_path):
    trials = begun(tmp_path / "quick", {**QUICK, "resources": {"trials_per_pack": 10}}, running=3)
    random.Random(3).shuffle(trials)
    store = Store(tmp_path / "quick")
    with serving(store.url) as served, emulated(browser, 1440):
        opened(browser, served.url)
        first = places(browser)
        assert len(first) == 30
        assert "trials are to come" in text(browser, "signs")
        assert "No trials yet: 5 to come" in text(browser, "cell-said")
        label = "weight decay 0.001, training rows 1,000: 5 to come"
        click(browser, cells(browser)[f"{label}, all in training"])
        waits(browser, lambda: "all in training" in text(browser, "cell-said"))
        browser.execute_script("window.scrollTo({top: 0, behavior: 'instant'})")
        for start, end in ((0, 5), (5, 40), (40, 149)):
            write_simulated(store, trials[start:end])
            waits(browser, partial(counts, browser, end))
            settled(browser)
            assert places(browser) == first
            assert text(browser, "found").startswith("So far, ")
            assert "so far" in browser.find_element(By.CSS_SELECTOR, "#phases li").text
        write_simulated(store, trials[149:])
        waits(browser, partial(counts, browser, 150))
        settled(browser)
        assert places(browser) == first
        assert "o far" not in browser.find_element(By.TAG_NAME, "header").text
        assert "to come" not in text(browser, "signs")
        assert covered(browser)[1] == []


def test_a_study_that_has_not_begun_is_named_with_its_command(browser, tmp_path):
    with serving(tmp_path / "quick") as served:
        browser.get(served.url)
        waits(browser, lambda: "has not begun" in text(browser, "found"))
        assert text(browser, "begin-command") == f"study run quick --out {tmp_path}"
        simulate(tmp_path / "quick", FEW)
        waits(browser, partial(counts, browser, 12))
        assert not browser.find_element(By.ID, "begin").is_displayed()


def test_the_table_asks_the_server(browser, folder, tmp_path):
    store = simulate(tmp_path / "quick", FEW)
    with serving(store) as served:
        opened(browser, served.url)
        with emulated(browser, 1440):
            assert covered(browser)[1] == []
        browser.find_element(By.ID, "where").send_keys("weight_decay > 0.005", Keys.ENTER)
        waits(browser, lambda: text(browser, "pages").endswith("of 6 trials"))
        press(browser, "[data-sort=phase]")
        settled(browser)
        browser.find_element(By.ID, "where").send_keys(" and", Keys.ENTER)
        waits(browser, lambda: "ends at character" in text(browser, "where-wrong"))
        browser.find_element(By.ID, "where").clear()
        browser.find_element(By.ID, "where").send_keys("seed == 1", Keys.ENTER)
        waits(browser, lambda: text(browser, "pages").endswith("of 4 trials"))
        browser.execute_script("document.querySelectorAll('#downloads button')[1].click()")
        path = waits(browser, lambda: next(folder.glob("*.parquet"), None))
        assert pq.read_table(path)["seed"].to_pylist() == [1] * 4
        assert text(browser, "selected-said") == "4 of 12 trials selected"
        press(browser, "[data-phase=grokking]")
        grokked = len(load_trials(store, 'seed == 1 and phase == "grokking"'))
        waits(browser, lambda: text(browser, "pages").endswith(f"of {grokked} trials"))
        assert text(browser, "selected-said") == f"{grokked} of 12 trials selected"
        bright = "#diagram path[aria-label*=generalized]:not([fill-opacity='0.15'])"
        assert 0 < len(browser.find_elements(By.CSS_SELECTOR, bright)) <= 2 * grokked
        with emulated(browser, 390, "dark"):
            overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
            assert browser.execute_script(overflow) <= 0
    refused = [entry for entry in browser.get_log("browser") if "400" not in entry["message"]]
    assert [entry for entry in refused if "ERR_CONNECTION" not in entry["message"]] == []


def test_a_server_that_goes_is_said_and_one_that_comes_back_is_found(browser, tmp_path):
    store = simulate(tmp_path / "quick", FEW)
    with serving(store) as served:
        opened(browser, served.url)
        go(browser, weight_decay="0.001", train_size="400")
        title = text(browser, "cell-title")
        port = int(served.url.rsplit(":", 1)[1].split("/")[0])
    waits(browser, lambda: "Not reachable, trying again" in text(browser, "trouble"))
    assert text(browser, "cell-title") == title
    grow(store, {**FEW, "seeds": 4}, tmp_path)
    with serving(store, "127.0.0.1", port):
        browser.execute_script("window.dispatchEvent(new Event('online'))")
        waits(browser, lambda: counted(browser) == "16")
        waits(browser, lambda: not browser.find_element(By.ID, "trouble").is_displayed())
        assert text(browser, "cell-title") == title


def test_another_patience_is_asked_of_the_server_and_stays_while_the_study_grows(browser, tmp_path):
    store = simulate(tmp_path / "quick", DECAYING)
    with serving(store) as served:
        opened(browser, served.url)
        assert cards(browser) == counts_of(store, None)
        Select(browser.find_element(By.ID, "patience")).select_by_value("5")
        settled(browser)
        assert cards(browser) == counts_of(store, 5)
        assert counts_of(store, 5) != counts_of(store, None)
        go(browser, weight_decay="0.1", train_size="400")
        assert "memorization from 5 on, grokking from 10 on" in text(browser, "cell-patience")
        grow(store, {**DECAYING, "seeds": 4}, tmp_path)
        waits(browser, lambda: counted(browser) == "16")
        assert cards(browser) == counts_of(store, 5)
    Select(browser.find_element(By.ID, "patience")).select_by_value("10")
    waits(browser, lambda: "patience=5" in browser.current_url)  # nobody answers: it stays
    assert "Not reachable" in text(browser, "trouble")
    assert Select(browser.find_element(By.ID, "patience")).first_selected_option.text.startswith(
        "5"
    )
    assert "stopped after 5 decay times" in text(browser, "patience-said")


def cards(browser):
    """The counts on the cards of the phases."""
    shown = browser.find_elements(By.CSS_SELECTOR, "#phases li b")
    return [int(card.text.split()[0]) for card in shown]


def counts_of(store, patience):
    return summary(load_trials(store), patience=patience)["trials"].tolist()
