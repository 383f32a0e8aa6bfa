"""Newton's climb to the maximum of a smooth function, with Levenberg's damping.

The damping adds a share of the curvature's diagonal to the curvature: a large damping makes a short
step along the gradient. A step that does not rise is rejected, and the damping grows; a step that
rises is taken, and the damping shrinks. So a wall, beyond which the function is minus infinity,
needs no special care: a step beyond the wall is rejected like any other.

The surface of the search, the laws and the finite-size curves of `analysis` climb with `climb`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

_Floats = NDArray[np.float64]

_FIRST_DAMPING = 1e-3  # a share of the curvature's diagonal
_HOPELESS_DAMPING = 1e12  # with more damping a step is too short to change theta


@dataclass(frozen=True, slots=True)
class Look:
    """A function of q parameters at one theta; the slopes are computed only where they are needed.

    `value` is minus infinity where theta is not allowed. `slopes` gives the gradient, [q], and the
    curvature, minus the second derivatives or an approximation of them, [q, q].
    """

    value: float
    slopes: Callable[[], tuple[_Floats, _Floats]]


@dataclass(frozen=True, slots=True)
class Top:
    """Where a climb ended: theta [q], value and curvature [q, q] there; and if it is a maximum."""

    theta: _Floats
    value: float
    curvature: _Floats
    converged: bool


def climb(
    look: Callable[[_Floats], Look],
    start: _Floats,
    *,
    tolerance: float,
    longest: float = np.inf,
    most_steps: int = 100,
    free: NDArray[np.bool_] | None = None,
) -> Top:
    """The maximum of a function, from a start uphill.

    A climb has converged when Newton's step promises a gain below the tolerance; that step is not
    taken. It has not converged when `most_steps` are used up, when no step rises however short it
    is, or when a slope is no finite number.

    Args:
        look: the function: theta [q] to its value and slopes.
        start: theta where the climb begins, [q].
        tolerance: twice the gain of the function that is no longer worth a step.
        longest: the most that one step may change any parameter; a longer step is shortened, and
            keeps its direction.
        most_steps: tried steps, rejected ones included.
        free: True for parameters that may move, [q]; the others stay as in `start`.
    """
    theta, here = start, look(start)
    gradient, curvature = here.slopes()
    damping = _FIRST_DAMPING
    converged = False
    for _ in range(most_steps):
        slope = gradient if free is None else gradient[free]
        matrix = curvature if free is None else curvature[np.ix_(free, free)]
        if not (np.isfinite(slope).all() and np.isfinite(matrix).all()):
            break
        step, damping = _damped_step(slope, matrix, damping)
        converged = bool(slope @ step < tolerance and damping < 1)
        if converged:
            break
        if longest < np.inf:
            step *= min(1.0, longest / max(float(np.abs(step).max()), 1e-300))
        ahead = theta.copy()
        ahead[slice(None) if free is None else free] += step
        there = look(ahead)
        if there.value > here.value:
            theta, here, damping = ahead, there, damping / 10
            gradient, curvature = here.slopes()
        elif damping > _HOPELESS_DAMPING:
            break
        else:
            damping *= 5
    return Top(theta, here.value, curvature, converged)


def _damped_step(gradient: _Floats, curvature: _Floats, damping: float) -> tuple[_Floats, float]:
    """The step to the top of the damped parabola, and the damping that made the parabola have one.

    The damping is raised until the damped curvature is positive definite.
    """
    scale = np.maximum(np.abs(np.einsum("ii->i", curvature)), 1e-8)
    while True:
        damped = curvature.copy()
        np.einsum("ii->i", damped)[:] += damping * scale  # a view of the diagonal
        try:
            factor = linalg.cho_factor(damped, lower=True, check_finite=False)
        except linalg.LinAlgError:  # the parabola has no top
            damping = max(4 * damping, 1e-6)
            continue
        return np.asarray(linalg.cho_solve(factor, gradient, check_finite=False)), damping
