"""The one Newton climb, on functions whose maximum is known."""

import numpy as np
import pytest

from study.search.newton import Look, climb

CURVATURE = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
TOP = np.array([1.0, -2.0, 0.5])


def parabola(theta):
    apart = theta - TOP
    return Look(float(-apart @ CURVATURE @ apart / 2), lambda: (-CURVATURE @ apart, CURVATURE))


def wall(theta):
    """log x - x: the maximum is at 1, and nothing is allowed below 0."""
    [x] = theta
    if x <= 0:
        return Look(-np.inf, lambda: (np.array([np.nan]), np.array([[np.nan]])))
    slopes = np.array([1 / x - 1]), np.array([[1 / x**2]])
    return Look(float(np.log(x) - x), lambda: slopes)


def saddle(theta):
    """Maxima at x = -1 and 1 with y = 0, a saddle between them."""
    x, y = theta
    gradient = np.array([4 * x - 4 * x**3, -2 * y])
    curvature = np.diag([12 * x**2 - 4, 2.0])
    return Look(float(2 * x**2 - x**4 - y**2), lambda: (gradient, curvature))


def test_the_top_of_a_parabola_is_reached_with_its_value_and_curvature():
    top = climb(parabola, np.zeros(3), tolerance=1e-12)
    assert top.converged
    np.testing.assert_allclose(top.theta, TOP, atol=1e-6)
    assert top.value == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(top.curvature, CURVATURE)


def test_a_parameter_that_is_not_free_stays():
    free = np.array([True, False, True])
    top = climb(parabola, np.zeros(3), tolerance=1e-12, free=free)
    assert top.converged
    assert top.theta[1] == 0
    held = np.linalg.solve(CURVATURE[np.ix_(free, free)], (CURVATURE @ TOP)[free])
    np.testing.assert_allclose(top.theta[free], held, atol=1e-6)


@pytest.mark.parametrize("start", [1e-6, 0.5, 40.0])
def test_a_wall_is_not_crossed(start):
    # From 40 Newton's full step would end far below 0.
    top = climb(wall, np.array([start]), tolerance=1e-12)
    assert top.converged
    assert top.theta[0] == pytest.approx(1, abs=1e-5)


def test_a_climb_leaves_a_saddle_uphill():
    top = climb(saddle, np.array([0.1, 0.3]), tolerance=1e-12)
    assert top.converged
    np.testing.assert_allclose(top.theta, [1, 0], atol=1e-5)


def test_a_step_is_no_longer_than_allowed():
    visited = []

    def look(theta):
        visited.append(theta)
        return parabola(theta)

    top = climb(look, np.array([50.0, 50.0, 50.0]), tolerance=1e-12, longest=5.0)
    assert top.converged
    steps = np.abs(np.diff(visited, axis=0)).max(axis=1)
    assert steps.max() == pytest.approx(5)


def test_a_function_without_a_maximum_has_not_converged():
    def rising(theta):
        return Look(float(theta[0]), lambda: (np.ones(1), np.zeros((1, 1))))

    top = climb(rising, np.zeros(1), tolerance=1e-12, longest=1.0, most_steps=20)
    assert not top.converged
    assert top.theta[0] > 1


def test_slopes_that_are_no_numbers_end_the_climb():
    top = climb(wall, np.array([-1.0]), tolerance=1e-12)
    assert not top.converged
    np.testing.assert_array_equal(top.theta, [-1.0])
