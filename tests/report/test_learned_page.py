"""What a network has learned, on the page: in a report, and trained again by a live page."""

import json
import re

import pytest
import small_circuits
from asking import serving, without_fits
from browsing import needs_chromium, opened, press, settled, text, waits
from selenium.webdriver.common.by import By

from analysis import load_trials, write_report

pytestmark = [needs_chromium, pytest.mark.slow]
SLIDE = """
const slider = document.querySelector("#trial input[type=range]");
slider.value = arguments[0];
slider.dispatchEvent(new Event("input"));
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return small_circuits.train(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("<p>fitted</p>"):
        yield


def numbers(browser):
    """The numbers of the matrix, row by row."""
    texts = browser.find_elements(By.CSS_SELECTOR, "#learned .mark-text.role-mark text")
    return [float(one.text.replace("\N{MINUS SIGN}", "-")) for one in texts]


def test_the_matrix_of_a_report_moves_with_its_slider(browser, store, tmp_path):
    write_report(store.url, tmp_path / "a.html", circuits=1)
    setup = re.search(r'id="setup">(.*?)</script>', (tmp_path / "a.html").read_text(), re.DOTALL)
    [(trial_id, net)] = json.loads(setup[1])["learned"].items()
    opened(browser, f"{(tmp_path / 'a.html').as_uri()}#trial={trial_id}")
    for index in (len(net["epochs"]) - 1, 3):
        browser.execute_script(SLIDE, index)
        said = [round(weight, 2) for row in net["weights"][index] for weight in row]
        waits(browser, lambda said=said: numbers(browser) == pytest.approx(said, abs=0.0051))
        assert f"epoch {net['epochs'][index]}," in text(browser, "trial")
    assert browser.get_log("browser") == []


def test_a_live_page_trains_it_behind_a_button(browser, store):
    trial_id = load_trials(store.url, 'setting == "standard"')["trial_id"].iloc[0]
    with serving(store.url) as served:
        opened(browser, f"{served.url}#trial={trial_id}")
        settled(browser)
        press(browser, "#learn")
        waits(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#learned svg"))
        assert "neurons are needed at the end" in text(browser, "trial")
        assert len(numbers(browser)) % 5 == 0
    assert browser.get_log("browser") == []
