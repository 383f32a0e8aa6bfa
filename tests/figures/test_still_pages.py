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


# Pairs of labels of an axis, or of entries of a legend, with less than three pixels between them.
TOUCHING = """
return [...document.querySelectorAll('svg')].flatMap((svg) => {
  const texts = [...svg.querySelectorAll('.role-axis-label text'),
    ...svg.querySelectorAll('.role-legend-label text, .role-legend-symbol path')]
    .filter((one) => Number(getComputedStyle(one).opacity))
    .map((one) => [one.textContent, one.getBoundingClientRect(),
      one.closest('.role-scope')]);
  return texts.flatMap(([a, one, entry], i) => texts.slice(i + 1).filter(([, two, other]) =>
    !(entry && entry === other) &&
    Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top) > 2 &&
    Math.max(one.left, two.left) - Math.min(one.right, two.right) < 3)
    .map(([b]) => `${a} | ${b}`));
});
"""


@pytest.mark.parametrize("width", [1440, 390])
def test_long_labels_do_not_touch(browser, tmp_path, width):
    """The reader's font may be wider than the font that a drawing was laid out in."""
    decays = [0.001, 0.00215, 0.00464, 0.01, 0.0215, 0.0464, 0.1, 0.215, 0.464, 1]
    axes = {**QUICK["axes"], "weight_decay": decays, "train_size": [200, 400]}
    store = simulate(tmp_path / "quick", {**QUICK, "axes": axes, "seeds": 2})
    sides = SideRequest(str(store), str(store), "seed == 0", "seed == 1")
    write_comparison(compared(sides), tmp_path / "compare.html")
    with emulated(browser, width):
        browser.get((tmp_path / "compare.html").as_uri())
        assert len(browser.find_elements(By.CSS_SELECTOR, "svg .role-axis-label text")) > 30
        assert browser.execute_script(TOUCHING) == []
