"""The bands of a boundary: their ends, their levels, and how often they hold a known truth."""

import numpy as np
import pytest
from boundary_truths import TRUTHS, truth_named
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

from analysis.phases.band import BandLevels, band_ends, simulated_errors
from analysis.phases.boundary import boundary, boundary_surface

SIDE = np.linspace(-1, 1, 121)


def steps(place):
    """A place of [-1, 1] in grid steps."""
    return 60 * (np.asarray(place) + 1)


def test_the_ends_of_a_straight_sureness_are_exact_and_stop_at_the_window():
    across, up = np.meshgrid(SIDE, SIDE, indexing="ij")
    sureness = 10 * (up - 0.5 * across)
    rows = np.array([0.0, 7.3, 60.0, 119.9, 120.0])
    columns = steps(0.5 * (rows / 60 - 1))
    low, high = band_ends(sureness, rows, columns, 2.0)
    np.testing.assert_allclose(low, columns - steps(0.2) + steps(0), atol=1e-9)
    np.testing.assert_allclose(high, columns + steps(0.2) - steps(0), atol=1e-9)
    low, high = band_ends(sureness, rows, columns, 99.0)
    assert (low == 0).all()
    assert (high == 120).all()


def test_the_ends_are_where_the_surface_itself_reaches_the_level():
    rng = np.random.default_rng(5)
    points = rng.uniform(-1, 1, (150, 2))
    odds = 6 * (points[:, 1] - 0.4 * np.sin(3 * points[:, 0]))
    surface = boundary_surface(points, rng.binomial(8, expit(odds)), np.full(150, 8.0))
    grid = np.stack(np.meshgrid(SIDE, SIDE, indexing="ij"), axis=-1).reshape(-1, 2)

    def sureness_at(places):
        phi = surface.features.at(places)
        return phi @ surface.weights / surface.deviations(phi)

    sureness = sureness_at(grid).reshape(121, 121)
    for place in (-0.713, 0.0, 0.456):

        def along(y, place=place):
            return sureness_at(np.array([[place, y]]))[0]

        vertex = brentq(along, -1, 1)
        expected = [
            brentq(lambda y: along(y) + 1.96, vertex - 0.4, vertex),
            brentq(lambda y: along(y) - 1.96, vertex, vertex + 0.4),
        ]
        ends = band_ends(sureness, steps([place]), steps([vertex]), 1.96)
        np.testing.assert_allclose(np.ravel(ends), steps(expected), atol=0.02)


def test_the_levels_of_independent_normal_errors_are_known():
    errors = np.random.default_rng(1).standard_normal((20_000, 20))
    levels = BandLevels.of_errors(errors)
    # Standard errors are 0.003 and 0.01.
    assert levels.pointwise == pytest.approx(norm.ppf(0.975), abs=0.015)
    assert levels.simultaneous == pytest.approx(norm.ppf((1 + 0.95 ** (1 / 20)) / 2), abs=0.05)


def test_errors_of_simulated_studies_are_those_of_a_linear_model_where_trials_are_many():
    rng = np.random.default_rng(2)
    points, trials = rng.uniform(-1, 1, (150, 2)), np.full(150, 2000.0)
    odds = 3 * (points[:, 1] - 0.4 * points[:, 0])
    surface = boundary_surface(points, rng.binomial(2000, expit(odds)) * 1.0, trials)
    line = np.linspace(-0.8, 0.8, 9)
    vertices = np.column_stack([line, 0.4 * line])
    errors = simulated_errors(surface, points, trials, vertices, draws=400, seed=3)
    # A study with information P - 1, P the posterior's precision, moves the fit by P^-1 times its
    # noise less the truth, as its prior has mean 0; the truth is drawn with variance P^-1.
    phi, spread = surface.features.at(vertices), surface.covariance
    deviations = surface.deviations(phi)
    expected = -phi @ spread @ surface.weights / deviations
    variance = spread - spread @ spread + spread @ spread @ spread
    widths = np.sqrt(np.diag(phi @ variance @ phi.T)) / deviations
    # Standard errors are 0.05 and 0.035.
    np.testing.assert_allclose(errors.mean(axis=0), expected, atol=0.2)
    np.testing.assert_allclose(errors.std(axis=0), widths, atol=0.14)


def test_the_band_is_wider_for_fewer_seeds():
    few, many = (
        boundary(truth_named("parabola").trials(3, m), "weight_decay", "train_size")
        for m in (2, 16)
    )
    widths = [np.log(contour["high"] / contour["low"]).mean() for contour in (few, many)]
    assert widths[0] > 1.5 * widths[1]


def test_the_simultaneous_band_holds_the_pointwise_band_and_this_the_line():
    contour = boundary(truth_named("waves").trials(0), "weight_decay", "train_size")
    for name, ends in (("y", ("low", "high")), ("x", ("left", "right"))):
        below, above = (contour[end] for end in ends)
        wide_below, wide_above = (contour[f"simultaneous_{end}"] for end in ends)
        ordered = np.array([wide_below, below, contour[name], above, wide_above])
        assert (np.diff(ordered, axis=0) >= -1e-9 * ordered[1:]).all()
        assert (wide_above / wide_below > above / below).mean() > 0.95


def coverages(truth, studies):
    """The share of the true line in the pointwise band, and of studies wholly in the other."""
    inside, whole = [], []
    for seed in studies:
        contour = boundary(truth.trials(seed), "weight_decay", "train_size", seed=seed)
        inside.append(truth.covered(contour).mean())
        whole.append(truth.covered(contour, "simultaneous_").all())
    return float(np.mean(inside)), float(np.mean(whole))


@pytest.mark.parametrize("name", ["parabola", "waves"])
def test_the_bands_hold_a_known_boundary(name):
    # Of 800 studies in a row, 8 had a mean below 0.84 (parabola) or 0.9 (waves) once in 1,000. Of 8
    # studies 3 miss some of the line once in 200 where each does so once in 20.
    inside, whole = coverages(truth_named(name), range(8))
    assert inside > 0.84
    assert whole >= 6 / 8


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.name)
def test_the_bands_hold_what_is_meant_of_six_truths(truth):
    # Standard errors are 0.004 and 0.008; with 120 studies that of the second would be 0.02.
    inside, whole = coverages(truth, range(800))
    print(f"{truth.name}: pointwise {inside:.3f}, simultaneous {whole:.3f} of 800 studies")
    assert 0.93 <= inside <= 0.97
    assert 0.92 <= whole <= 0.98
