"""The index of a folder: every study once, with its counts, its diagram and its report."""

import re
from xml.etree import ElementTree as ET

import pytest
from simulated import QUICK, empty_store, simulate

from analysis import cli, load_trials
from analysis.charts.coloring import KIND_COLORS
from analysis.figures.index_page import thumbnail
from analysis.figures.study import plane
from analysis.phases.grid import make_grid

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    store = simulate(folder / "quick &", QUICK | {"seeds": 2})
    (store / "report.html").write_text("<!doctype html>")
    simulate(folder / "second", QUICK | {"name": "second", "seeds": 1})
    empty_store(folder / "third")
    (folder / "broken").mkdir()
    (folder / "broken" / "study.json").write_text("{")
    cut = simulate(folder / "cut", QUICK | {"name": "cut", "seeds": 1})
    part = next((cut / "trials").iterdir())
    (cut / "trials" / "part-cut.parquet").write_bytes(part.read_bytes()[:1000])
    (folder / "no store").mkdir()
    return folder


def test_every_study_is_named_with_its_counts(run_main, folder):
    code, out, err = run_main(cli.main, "index", folder)
    page = (folder / "index.html").read_text()
    assert (code, out) == (0, b"")
    assert err.splitlines()[-1] == str(folder / "index.html")
    assert len(err.splitlines()) == 3
    cards = page.split("<article")[1:]
    assert [re.search("<h2>(?:<a [^>]*>)?([^<]+)", card)[1] for card in cards].count("quick") == 2
    [card] = [card for card in cards if "quick &amp;</code>" in card]
    assert card.count('href="quick%20%26/report.html"') == 2
    assert "60 trials" in card
    assert "started 2026-11-20 10:00 UTC" in card
    assert "(30, 2)-parity, ReLU nets of 100 neurons" in card
    counts = {name: int(count) for count, name in re.findall(r">([\d,]+) (\w+)</li>", card)}
    assert sum(counts.values()) == 60
    [waiting] = [card for card in cards if "third</code>" in card]
    assert "No trial has ended yet." in waiting
    assert "0 trials, 150 to go" in waiting
    assert "<script" not in page
    unread = page.split("Not read")[1]
    for name in ("broken", "cut"):
        assert f"{folder / name}" in unread


def test_the_page_may_lie_elsewhere(run_main, folder, tmp_path):
    page = tmp_path / "pages" / "all.html"
    page.parent.mkdir()
    run_main(cli.main, "index", folder, "-o", page)
    [link] = set(re.findall(r'href="([^"]*report.html)"', page.read_text()))
    target = page.parent / link.replace("%20", " ").replace("%26", "&")
    assert target.resolve() == (folder / "quick &" / "report.html").resolve()


def test_a_folder_without_a_study_is_one_sentence(run_main, tmp_path):
    code, out, err = run_main(cli.main, "index", tmp_path)
    assert (code, out) == (1, b"")
    assert "no study here" in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_thumbnail_has_the_cells_of_the_diagram(folder):
    trials = load_trials(folder / "second")
    rows = plane(make_grid(trials), "weight_decay", "train_size")
    rows.loc[rows["train_size"] == "400", "trials"] = 0
    drawn = ET.fromstring(thumbnail(rows, "weight_decay", "train_size", "second"))
    boxes = drawn.findall(f"{SVG}rect")
    filled = rows[rows["trials"] > 0]
    assert len(boxes) == len(filled) == 24
    assert len({box.get("y") for box in boxes}) == 4, "a row without trials takes no room"
    assert (filled["phase_share"] == 1).all()
    assert [box.get("fill") for box in boxes] == [KIND_COLORS[kind] for kind in filled["kind"]]
