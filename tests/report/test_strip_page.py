"""The delay strip of the page, in a real browser: it has the lines of Python, and is linked."""

import pytest
from asking import serving, without_fits
from browsing import go, needs_chromium, opened, settled, text, waits
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.figures.strip_figures import strip_drawing
from analysis.phases.strip_lines import strip_words

pytestmark = [needs_chromium, pytest.mark.slow]
# What the marks of the chart stand for; each line has one mark that is no line, or has a line.
LINES = """
const found = new Map();
for (const mark of document.querySelectorAll('#strip .role-mark :is(line, path)')) {
  const datum = mark.__data__?.datum;
  if (datum?.trial_id) found.set(datum.trial_id, datum);
}
return [...found.values()];
"""

WIDTH = "return document.querySelector('#strip svg').getBoundingClientRect().width"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)


def drawn(page):
    names = ("label", "place", "trial_id", "phase", "kind", "start", "end", "said")
    return {tuple(row[name] for name in names) for row in page.execute_script(LINES)}


def expected(trials, axis):
    rows = strip_drawing(trials, axis)[0]["datasets"]["strip"]
    names = ("label", "place", "trial_id", "phase", "kind", "start", "end", "said")
    return {tuple(row[name] for name in names) for row in rows}


def follow(page, store):
    """The strip of the page shows the lines of Python, along each axis and for a selection."""
    trials = load_trials(store)
    waits(page, lambda: drawn(page) == expected(trials, "weight_decay"))
    assert strip_words(strip_drawing(trials, "weight_decay")[1]) in text(page, "strip-said")
    Select(page.find_element(By.ID, "strip-axis")).select_by_value("train_size")
    settled(page)
    assert "rows=train_size" in page.current_url
    waits(page, lambda: drawn(page) == expected(trials, "train_size"))
    go(page, only="grokking", where="seed < 2")
    some = load_trials(store, 'phase == "grokking" and seed < 2')
    waits(page, lambda: drawn(page) == expected(some, "train_size"))
    wide = page.execute_script(WIDTH)
    go(page, only="confusion", where="")  # no trial of this phase has a line
    waits(page, lambda: "None of these trials" in text(page, "strip"))
    assert not drawn(page)
    go(page, only="")
    waits(page, lambda: drawn(page) == expected(trials, "train_size"))
    assert page.execute_script(WIDTH) == wide


def test_the_strip_of_a_report_has_the_lines_of_python(page, store):
    follow(page, store)
    go(page, where="no filter")  # which selects nothing, and leaves the page as it is
    waits(page, lambda: text(page, "where-wrong"))
    assert drawn(page) == expected(load_trials(store), "train_size")


def test_the_strip_of_a_live_page_has_the_lines_of_python(browser, store):
    with without_fits("<p>fitted</p>"), serving(store) as served:
        follow(opened(browser, served.url), store)
        browser.get("about:blank")  # a page without its server would log that it asks in vain


def test_a_click_on_a_line_shows_its_trial(page):
    mark = page.find_element(By.CSS_SELECTOR, "#strip .mark-symbol path")
    clicked = page.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}));"
        "return arguments[0].__data__.datum.trial_id",
        mark,
    )
    waits(page, lambda: f"trial={clicked}" in page.current_url)
    waits(page, lambda: clicked in text(page, "trial"))
