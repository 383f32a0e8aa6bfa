"""Pages without a script in a real browser: they fetch nothing, and fit into the window."""

import json

import pytest
from browsing import emulated, needs_chromium
from selenium.webdriver.common.by import By
from simulated import QUICK, simulate

from analysis import write_report
from analysis.figures.compare_page import write_comparison
from analysis.figures.index_page import write_index
from analysis.questions.sides import SideRequest
from analysis.text.contrast_text import compared

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two studies, one of them with a report, and the page of a comparison."""
    runs = tmp_path_factory.mktemp("runs")
    quick = simulate(runs / "quick", QUICK)
    write_report(quick, quick / "report.html")
    axes = QUICK["axes"] | {"width": 200, "train_size": [200, 400, 800]}
    simulate(runs / "wider", {**QUICK, "name": "wider", "axes": axes})
    write_comparison(compared(SideRequest(str(quick), str(runs / "wider"))), runs / "compare.html")
    write_index(str(runs))
    return runs


@pytest.mark.parametrize("name", ["compare.html", "index.html"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_its_window_and_fetches_nothing(browser, runs, name, width, scheme):
    with emulated(browser, width, scheme):
        browser.get_log("performance")
        browser.get((runs / name).as_uri())
        assert browser.get_log("browser") == []
        sizes = browser.execute_script(
            "const page = document.documentElement; return [page.scrollWidth, page.clientWidth];"
        )
        assert sizes[0] <= sizes[1]
        events = [
            json.loads(entry["message"])["message"] for entry in browser.get_log("performance")
        ]
        asked = [one["params"]["request"]["url"] for one in events
                 if one["method"] == "Network.requestWillBeSent"]  # fmt: skip
        assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
        drawings = browser.find_elements(By.TAG_NAME, "svg")
        assert len(drawings) == (5 if name == "compare.html" else 2)
        for drawing in drawings:
            assert 100 < drawing.rect["width"] < width
            assert drawing.rect["height"] > 50


def test_a_card_leads_to_the_report(browser, runs):
    browser.get((runs / "index.html").as_uri())
    [link] = browser.find_elements(By.CSS_SELECTOR, "h2 a")
    link.click()
    assert browser.current_url.partition("#")[0] == (runs / "quick" / "report.html").as_uri()
