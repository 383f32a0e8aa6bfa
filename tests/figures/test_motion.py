"""The study in motion: what the animated picture shows at an epoch is what the trials had done."""

from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from made_up import event, trials
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.charts.coloring import STAGE_COLORS
from analysis.figures.motion import REST, SECONDS, motion_picture
from analysis.phases.grid import make_grid
from analysis.phases.stages import MOST_STRIPES, STAGES, StageEpochs, stripes_of

SVG = "{http://www.w3.org/2000/svg}"
STAGE_OF = {color: stage for stage, color in STAGE_COLORS.items()}


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return load_trials(simulate(tmp_path_factory.mktemp("store") / "quick", QUICK))


def picture_of(frame):
    """The picture of trials that differ in weight decay and dataset size, as a tree."""
    grid = make_grid(frame)
    across, up = (
        next(r for r in grid.rulers if r.name == n) for n in ("weight_decay", "train_size")
    )
    places = grid.cells[[across.name, up.name]].iloc[grid.cell_of].reset_index(drop=True)
    return ET.fromstring(motion_picture(frame, across, up, places))


def value_at(element, name, share):
    """An attribute's value when a share of the picture's time has passed, as a browser takes it."""
    value = element.get(name)
    for change in element.findall(f"{SVG}animate"):
        assert (change.get("attributeName"), change.get("calcMode")) == (name, "discrete")
        times = [float(time) for time in change.get("keyTimes").split(";")]
        assert times == sorted(times)
        assert times[0] == 0
        value = change.get("values").split(";")[np.searchsorted(times, share, side="right") - 1]
    return value


def stripes(picture):
    return [rect for rect in picture.findall(f"{SVG}rect") if rect.get("class")]


def by_hand(row, epoch):
    """What a trial has done by an epoch, from its columns."""
    if row["ended"] in ("collapsed", "diverged") and row["epochs_run"] <= epoch:
        return "broken"
    memorized, generalized = row["memorized_epoch"], row["generalized_epoch"]
    if pd.notna(generalized) and generalized <= epoch:
        waited = pd.notna(memorized) and generalized >= max(2 * memorized, memorized + 5)
        return "grokked" if waited else "soon"
    return "waiting" if pd.notna(memorized) and memorized <= epoch else "learning"


@pytest.mark.parametrize("epoch", [0, 5, 20, 60, 200, 600])
def test_it_shows_what_the_trials_have_done(frame, epoch):
    history = StageEpochs.of(frame)
    expected = pd.Series([by_hand(row, epoch) for _, row in frame.iterrows()]).value_counts()
    stages = pd.Series(np.array(list(STAGES))[history.at(epoch)]).value_counts()
    assert stages.to_dict() == expected.to_dict()
    passed = np.log1p(epoch) / np.log1p(frame["epochs_run"].max())
    share = passed * SECONDS / (SECONDS + REST) + 1e-3  # keyTimes have four digits
    shown = pd.Series([STAGE_OF[value_at(s, "fill", share)] for s in stripes(picture_of(frame))])
    if epoch in (0, 600):  # elsewhere another event may lie within that thousandth
        assert shown.value_counts().to_dict() == expected.to_dict()
    assert len(shown) == len(frame)


def test_the_legend_counts_at_the_epoch_that_is_shown(frame):
    picture = picture_of(frame)
    for share in (0.0, 0.3, 0.6, 0.99):
        [frame_shown] = [
            group
            for group in picture.findall(f"{SVG}g")
            if value_at(group, "opacity", share) == "1"
        ]
        epoch, *counts = [text.text for text in frame_shown.findall(f"{SVG}text")]
        epoch = int(epoch.removeprefix("epoch ").replace(",", ""))
        expected = [by_hand(row, epoch) for _, row in frame.iterrows()]
        assert [int(said.split()[0]) for said in counts] == [expected.count(s) for s in STAGES]


def test_many_trials_of_a_cell_are_shown_by_a_dozen():
    rows = [
        {**event(20, epoch), "train_size": size, "weight_decay": decay}
        for size in (100, 200)
        for decay in (0.01, 0.1)
        for epoch in [25] * 30 + [300] * 60
    ]
    shown = stripes(picture_of(trials(*rows)))
    assert len(shown) == 4 * MOST_STRIPES
    late = [stripe for stripe in shown if stripe.get("class") == "motion-grokked"]
    assert len(late) == 4 * MOST_STRIPES * 2 / 3


def test_readers_who_ask_for_less_motion_see_the_end(frame):
    picture = picture_of(frame)
    ends = pd.Series([stripe.get("class").removeprefix("motion-") for stripe in stripes(picture)])
    expected = pd.Series([by_hand(row, np.inf) for _, row in frame.iterrows()])
    assert ends.value_counts().to_dict() == expected.value_counts().to_dict()
    rules = picture.find(f"{SVG}style").text
    assert "prefers-reduced-motion" in rules
    assert all(f".motion-{stage} {{ fill: {STAGE_COLORS[stage]}" in rules for stage in STAGES)


def test_the_pages_stripes_are_the_trials_or_stand_for_them(frame):
    grid = make_grid(frame)
    found = pd.DataFrame(stripes_of(frame, grid))
    assert (found["stands_for"] == 1).all()
    expected = frame.assign(cell=grid.cell_of).sort_values("cell")
    assert found["cell"].tolist() == expected["cell"].tolist()
    for cell, members in expected.groupby("cell"):
        generalized = found[found["cell"] == cell][["grokked", "soon"]].min(axis=1)
        assert sorted(generalized.dropna()) == sorted(members["generalized_epoch"].dropna())
    many = trials(*[event(20, epoch) for epoch in [25] * 30 + [300] * 60])
    few = pd.DataFrame(stripes_of(many, make_grid(many)))
    assert few["stands_for"].tolist() == [90 / MOST_STRIPES] * MOST_STRIPES
    assert (few["soon"].count(), few["grokked"].count()) == (4, 8)
