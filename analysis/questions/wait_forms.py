"""The forms of the wait, a function F of rows over N_c, as thresholds that fall with time.

A net generalizes within t decay times if log(rows / N_c), plus a normal scatter of its own, is
above a threshold v(t). F is the inverse of exp(v): F(exp(v(t))) = t. So scatter between nets is in
how many rows a net needs. Near a critical size, equal scatter in rows is a wide scatter in time,
and some nets never generalize; a scatter in log time alone could not say both.

Here s(t) = -v(t), which rises with time. The scale of t or N_c is part of c in N_c = c n^a width^w.

    power        F(x) = x^-g                  s = log t / g
    bent         log t = g s + h s^2          a power that bends and has no wall
    exponential  F(x) = b exp(1 / x)          s = log(log t - log b)
    wall         F(x) = b (x - 1)^-g          s = -log(1 + (t / b)^(-1/g)); N_c is a critical size
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.laws.families import Reals

_STRAIGHT = 1e-9  # a bend below it is none


@dataclass(frozen=True, slots=True)
class WaitForm:
    """A form of the wait.

    Attributes:
        name: in commands and tables.
        formula: as text.
        shape: names of the parameters of the form beside N_c.
        starts: values of these parameters from which a fit begins.
        fallen: how far the threshold has fallen, s, from log times [T] and the parameters.
        critical: whether nets below N_c never generalize.
    """

    name: str
    formula: str
    shape: tuple[str, ...]
    starts: tuple[tuple[float, ...], ...]
    fallen: Callable[[Reals, Reals], Reals]
    critical: bool = False


def _power(log_t: Reals, shape: Reals) -> Reals:
    return np.asarray(log_t * np.exp(-shape[0]))


def _bent(log_t: Reals, shape: Reals) -> Reals:
    """The rising root of h s^2 + g s = log t; beyond the turning point the form has no value."""
    slope, bend = np.exp(shape[0]), shape[1]
    if abs(bend) < _STRAIGHT:
        return np.asarray(log_t / slope)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(slope**2 + 4 * bend * log_t)
        return np.asarray(2 * log_t / (slope + root))


def _exponential(log_t: Reals, shape: Reals) -> Reals:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(log_t - shape[0]))


def _wall(log_t: Reals, shape: Reals) -> Reals:
    return np.asarray(-np.logaddexp(0, -(log_t - shape[1]) * np.exp(-shape[0])))


# Exponents g are parameters by their logs. log b of the exponential starts below the shortest wait.
WAIT_FORMS: dict[str, WaitForm] = {
    form.name: form
    for form in (
        WaitForm("power", "F(x) = x^-g", ("log_g",), ((1.0,),), _power),
        WaitForm(
            "bent",
            "F(x) = x^-g bent, without a wall",
            ("log_g", "bend"),
            ((1.0, 0.0), (1.0, 1.0)),
            _bent,
        ),
        WaitForm(
            "exponential", "F(x) = b exp(1 / x)", ("log_b",), ((-3.0,), (-6.0,)), _exponential
        ),
        WaitForm(
            "wall",
            "F(x) = b (x - 1)^-g",
            ("log_g", "log_b"),
            ((0.0, 0.0), (1.0, -2.0), (0.0, 2.0)),
            _wall,
            critical=True,
        ),
    )
}
