"""The charts of any study as files: legends and boundaries as they are drawn, read from the SVG."""

import re

import numpy as np
import pandas as pd
import pytest
import vl_convert
from simulated import simulate

from analysis import load_trials
from analysis.charts.sparsity import sparsity_chart
from analysis.figures.study import study_plates
from analysis.phases.axis_scales import make_ruler
from analysis.phases.boundary import boundary
from analysis.phases.grid import make_grid


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    return load_trials(simulate(tmp_path_factory.mktemp("store") / "quick"))


@pytest.fixture(scope="module")
def diagrams(trials):
    return {one.name: one for one in study_plates("", trials)[0].drawings}


def legend_of(svg):
    """The texts of a drawing's legends."""
    [group] = re.findall(r'aria-roledescription="legend".*', svg) or [""]
    return re.findall(r"<text[^>]*>([^<]*)</text>", group.split("role-mark")[0])


def test_the_legend_of_median_epochs_ends_where_they_end(trials, diagrams):
    epochs = make_grid(trials).cells["generalized_median_epoch"].dropna()
    drawn = legend_of(vl_convert.vegalite_to_svg(diagrams["diagram-median"].chart))
    ticks = [float(tick.replace("k", "000")) for tick in drawn if tick != "epochs"]
    assert len(ticks) > 1
    assert epochs.min() <= min(ticks) < max(ticks) <= epochs.max()


def test_every_diagram_has_the_boundary_of_its_slice(trials, diagrams):
    expected = boundary(trials, "weight_decay", "train_size")
    for drawing in diagrams.values():
        drawn = pd.DataFrame(drawing.chart["datasets"]["boundary"])
        np.testing.assert_allclose(drawn[["x", "y"]], expected[["x", "y"]], rtol=1e-4)
        assert 'd="M' in vl_convert.vegalite_to_svg(drawing.chart).split("mark-line")[1][:400]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 9, 250])
def test_a_legend_of_counts_has_each_whole_number_once(most):
    ruler = make_ruler("width", pd.Series([50, 100]))
    counts = pd.DataFrame(
        {"label": ["50", "100"], "neurons": [3, 8], "trials": [1, most], "median": [3, 8]}
    )
    svg = vl_convert.vegalite_to_svg(sparsity_chart(counts, ruler).to_dict(validate=False))
    numbers = [int(text) for text in legend_of(svg) if text != "trials"]
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (1, most)
