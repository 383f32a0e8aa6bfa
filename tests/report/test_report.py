"""The report, opened from a file in a real browser without a network."""

import json
import re
from pathlib import Path

import pytest
from browsing import (
    cells,
    click,
    curves,
    folded,
    go,
    needs_chromium,
    opened,
    settled,
    text,
    waits,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from analysis import load_trials
from analysis.phases.cells import summary
from analysis.phases.classify import FLAGS, classify
from analysis.phases.grid import at_patience, make_grid
from analysis.phases.patience import PATIENCES
from analysis.report.state import cell_patience, cell_trials

pytestmark = needs_chromium
AXE = Path(__file__).parents[1] / "support" / "axe" / "axe.min.js"


def test_it_opens_on_a_cell_that_grokked(page):
    assert "grokking" in text(page, "cell-said")
    assert len(curves(page)) == 2 * 5  # train and test rows of five seeds
    assert len(curves(page, "weight norm")) == 5
    assert text(page, "name") == "quick"
    assert "65" in text(page, "facts")
    assert text(page, "trained").startswith("(20, 2)-parity, ReLU nets of 100 and 200 neurons")
    assert text(page, "where-grokked").startswith("Cells that grok have ")
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [e["params"] for e in sent if e["method"] == "Network.requestWillBeSent"]
    urls = [one["request"]["url"] for one in asked]
    assert urls
    assert [url for url in urls if url.startswith(("http", "ws", "//"))] == []


def test_a_flag_says_what_it_means_when_it_has_the_focus(page):
    go(page, weight_decay="0.001", train_size="200")
    settled(page)
    assert text(page, "cell-said").startswith("5 memorization (5 short-watched). Generalized 0/5")
    flag = page.find_element(By.CSS_SELECTOR, "#cell-said .flag")
    shown = "return getComputedStyle(arguments[0], '::after').content"
    assert page.execute_script(shown, flag) == "none"
    page.execute_script("arguments[0].focus()", flag)
    assert FLAGS["short_watched"] in page.execute_script(shown, flag)


def test_a_click_selects_a_cell_then_a_curve_and_the_browser_goes_back(page, store):
    before, title = curves(page), text(page, "cell-title")
    label, shape = next((label, path) for label, path in cells(page).items() if title not in label)
    click(page, shape)
    settled(page)
    chosen = text(page, "cell-title")
    assert label.startswith(chosen)
    assert chosen != title
    assert curves(page) != before
    rows = page.find_elements(By.CSS_SELECTOR, "#members tbody tr")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == list("01234")

    line = page.find_element(By.CSS_SELECTOR, "#curve-accuracy path[stroke-opacity='0']")
    page.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", line
    )
    waits(page, lambda: text(page, "trial"))
    row = page.find_element(By.CSS_SELECTOR, "#members tr.chosen")
    trial = row.find_element(By.TAG_NAME, "button").get_attribute("data-trial")
    assert f"analysis circuits {store} {trial}" in text(page, "trial")
    stored = load_trials(store, f"trial_id == '{trial}'").iloc[0]
    shown = page.find_elements(By.CSS_SELECTOR, "#trial dl div")
    facts = {one.find_element(By.TAG_NAME, "dt").text: one.find_element(By.TAG_NAME, "dd").text
             for one in shown}  # fmt: skip
    assert facts["epochs run"] == str(stored["epochs_run"])
    assert float(facts["weight decay"]) == stored["weight_decay"]

    page.back()
    settled(page)
    assert text(page, "trial") == ""
    assert text(page, "cell-title") == chosen
    page.back()
    settled(page)
    assert text(page, "cell-title") == title
    page.forward()
    settled(page)
    assert text(page, "cell-title") == chosen
    address = page.current_url
    opened(page, address)
    assert text(page, "cell-title") == chosen


def test_an_address_may_have_the_beginning_of_an_id(page):
    whole = page.find_element(By.CSS_SELECTOR, "#members button").get_attribute("data-trial")
    go(page, trial=whole[:8])
    waits(page, lambda: whole in text(page, "trial"))
    assert len(page.find_elements(By.CSS_SELECTOR, "#members tr.chosen")) == 1
    go(page, trial="")
    ids = page.execute_script(
        "return [...document.querySelectorAll('[data-trial]')].map((one) => one.dataset.trial)"
    )
    twice = next(one[0] for one in sorted(ids) if sum(id_[0] == one[0] for id_ in set(ids)) > 1)
    go(page, trial=twice)
    waits(page, lambda: "begin so. Write more of it" in text(page, "trial"))


def test_the_keyboard_moves_between_cells_and_selects(page):
    page.find_element(By.ID, "diagram").send_keys(Keys.ARROW_LEFT)
    waits(page, lambda: text(page, "cursor-said"))
    said = text(page, "cursor-said")
    title = text(page, "cell-title")
    page.find_element(By.ID, "diagram").send_keys(Keys.ARROW_UP, Keys.ARROW_DOWN, Keys.ENTER)
    waits(page, lambda: text(page, "cell-title") != title)
    assert said.startswith(text(page, "cell-title"))
    page.find_element(By.ID, "diagram").send_keys(Keys.ARROW_RIGHT, Keys.ESCAPE)
    waits(page, lambda: text(page, "cursor-said") == "")


def test_the_table_twin_says_the_same_and_selects(page, store):
    page.find_element(By.CSS_SELECTOR, "#twin-part summary").click()
    grid = make_grid(load_trials(store))
    width, decay, size = (next(r for r in grid.rulers if r.name == name)
                          for name in ("width", "weight_decay", "train_size"))  # fmt: skip
    narrow = grid.cells[grid.cells["width"] == width.labels.index("100")]
    for cell in narrow.itertuples():
        row = page.find_element(
            By.XPATH, f"//div[@id='twin']//tr[th='{size.labels[cell.train_size]}']"
        )
        shown = row.find_elements(By.TAG_NAME, "td")[cell.weight_decay].text
        assert shown == f"{cell.phase} {cell.generalized}/{cell.trials}"
    assert decay.labels == ("0.001", "0.01", "0.1")
    titles = {button.get_attribute("title")
              for button in page.find_elements(By.CSS_SELECTOR, "#twin button")}  # fmt: skip
    assert titles == {said for said in cells(page) if not said.endswith("no trials")}
    button = page.find_element(By.CSS_SELECTOR, "#twin button[aria-pressed=false]")
    said = button.get_attribute("title")
    button.click()
    waits(page, lambda: said.startswith(text(page, "cell-title")))
    assert page.switch_to.active_element.get_attribute("aria-pressed") == "true"


@pytest.mark.slow
@pytest.mark.parametrize("patience", PATIENCES)
def test_another_patience_shows_what_python_counts(page, store, patience):
    """Cells, cards and the trials of the selected cell, against the table of trials."""
    trials = load_trials(store)
    grid = make_grid(trials)
    Select(page.find_element(By.ID, "patience")).select_by_value(str(patience))
    settled(page)
    assert f"patience={patience}" in page.current_url
    at = at_patience(grid, trials, patience).cells
    rulers = {ruler.name: ruler.labels for ruler in grid.rulers}
    page.find_element(By.CSS_SELECTOR, "#twin-part summary").click()
    for cell in at[at["width"] == rulers["width"].index("100")].itertuples():
        size = rulers["train_size"][cell.train_size]
        row = page.find_element(By.XPATH, f"//div[@id='twin']//tr[th='{size}']")
        button = row.find_elements(By.TAG_NAME, "td")[cell.weight_decay]
        assert button.text == f"{cell.phase} {cell.generalized}/{cell.trials}"
        said = button.find_element(By.TAG_NAME, "button").get_attribute("title")
        assert said.endswith(", short-watched") == cell.hatched
    cards = page.find_elements(By.CSS_SELECTOR, "#phases li b")
    counts = [int(card.text.split()[0]) for card in cards]
    assert counts == summary(trials, patience=patience)["trials"].tolist()
    assert f"stopped after {patience} decay times" in text(page, "patience-said")
    assert f"{at['short_watched'].sum()} of {len(trials)} trials" in text(page, "patience-said")
    assert f"less than {patience} decay times" in folded(page, "diagram-said")
    assert page.find_elements(By.CSS_SELECTOR, "#diagram .mark-line path") == []
    labels = {"setting": "narrow", "width": "100", "weight_decay": "0.1", "train_size": "400"}
    go(page, **labels)
    members = cell_trials(trials, grid, labels)
    rows = page.find_elements(By.CSS_SELECTOR, "#members tbody tr")
    listed = [row.find_elements(By.TAG_NAME, "td")[0].text for row in rows]
    assert listed == classify(members, patience=patience)["phase"].tolist()
    Select(page.find_element(By.ID, "patience")).select_by_value("")
    settled(page)
    assert text(page, "patience-said") == ""
    assert page.find_elements(By.CSS_SELECTOR, "#diagram .mark-line path")


@pytest.mark.parametrize(
    ("decay", "rows", "said"),
    [
        ("0.1", "400", "memorization from 5 on, grokking from 10 on."),
        ("0.01", "1,000", "grokking from 5 on."),
        ("0.01", "200", "memorization as watched, watched for less than 5."),
        ("0.1", "200", "memorization from 5 on."),
    ],
)
def test_the_panel_says_how_the_phase_moves_with_patience(page, store, decay, rows, said):
    labels = {"setting": "narrow", "width": "100", "weight_decay": decay, "train_size": rows}
    go(page, **labels)
    assert text(page, "cell-patience") == f"Phase by decay times watched: {said}"
    trials = load_trials(store)
    members = cell_trials(trials, make_grid(trials), labels)
    by_patience = [row["phase"] for row in cell_patience(members, len(members))]
    assert [phase for phase in dict.fromkeys(by_patience) if phase not in said] == []


def test_an_address_has_the_patience_and_the_keyboard_changes_it(page):
    go(page, patience="10")
    opened(page, page.current_url)
    menu = page.find_element(By.ID, "patience")
    assert Select(menu).first_selected_option.text == "10 decay times"
    menu.send_keys(Keys.ARROW_DOWN)
    waits(page, lambda: "stopped after 5 decay times" in text(page, "patience-said"))
    go(page, patience="7")  # no such patience: as watched
    assert Select(page.find_element(By.ID, "patience")).first_selected_option.text == "as watched"
    assert text(page, "patience-said") == ""


def test_other_axes_and_slices_are_chosen_by_menus(page):
    assert len(cells(page)) == 9
    menu = Select(page.find_element(By.ID, "slice-width"))
    assert [option.text for option in menu.options] == ["100 (45 trials)", "200 (20 trials)"]
    menu.select_by_value("200")
    waits(page, lambda: any("width 200" in said for said in cells(page)))
    settled(page)
    assert len(cells(page)) == 4  # its setting has two of the three values of each axis
    assert "width 200" in text(page, "cell-title")
    assert "setting </script><b>wide" in text(page, "cell-title")
    assert len(curves(page)) == 10
    title = text(page, "cell-title")
    Select(page.find_element(By.ID, "x")).select_by_value("width")
    settled(page)
    waits(page, lambda: len(cells(page)) == 2)
    assert text(page, "cell-title") == title
    assert page.find_elements(By.CSS_SELECTOR, "#diagram .mark-line path") == []
    assert "half of the trials generalize" not in folded(
        page, "diagram-said"
    )  # nothing drawn, nothing said
    Select(page.find_element(By.ID, "color")).select_by_value("share")
    settled(page)
    fills = {path.value_of_css_property("fill") for path in cells(page).values()}
    assert len(fills) > 1


def test_points_stand_beside_the_law_whatever_the_axis(page):
    for axis in ("weight_decay", "train_size", "width"):
        Select(page.find_element(By.ID, "laws-axis")).select_by_value(axis)
        heads = waits(page, lambda axis=axis: headings_after(page, axis))
        assert heads[1].startswith("Each point against the law ")
    assert "rejected" in text(page, "laws-said")


def headings_after(page, axis):
    """The headings of the charts of laws, once the first is along an axis."""
    heads = [head.text for head in page.find_elements(By.CSS_SELECTOR, "#laws-figures h3")]
    words = {"train_size": "training rows"}.get(axis, axis.replace("_", " "))
    return heads if heads and heads[0].endswith(words) else None


def test_log_axes_have_true_positions(page):
    """Weight decays are a decade apart each; 200, 400 and 1,000 rows are not."""
    go(page, width="100", setting="narrow")
    boxes = {}
    for said, path in cells(page).items():
        decay, size = re.search(r"decay ([\d.]+), training rows ([\d,]+)", said).groups()
        boxes[float(decay), int(size.replace(",", ""))] = path.rect
    across = [boxes[decay, 200]["width"] for decay in (0.001, 0.01, 0.1)]
    assert max(across) - min(across) < 1.5
    heights = [boxes[0.01, size]["height"] for size in (200, 400, 1000)]
    assert heights[2] / heights[0] == pytest.approx(1.32, abs=0.05)  # log 2.5 / log 2
