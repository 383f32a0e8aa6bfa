"""A form of the wait fitted to censored waits, with clustered intervals, and what it predicts.

theta [q]: log c at the mean of the logs of n and width, their exponents, log sigma, and the shape
of the form. A net has generalized by t with probability Phi((log(rows / N_c) + s(t)) / sigma).

T trials, q parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import ndtr

from analysis.laws.compare import FLOOR
from analysis.laws.families import FAMILIES, Reals
from analysis.laws.likelihood import Observed, RowScores, row_scores
from analysis.laws.strata import Bounded
from analysis.questions.wait_forms import WaitForm
from analysis.questions.waits import Waits
from study.search.newton import Look, climb

_CLOSE = 1e-7  # twice the gain that is no longer worth a step
_LONGEST = 1.0  # step of any parameter
_DIFFERENCE = 1e-5  # between two values of a parameter, for a slope
_MOST_STEPS = 60
_FIRST_LOG_SIGMA = -1.5
_FARTHEST = 15.0  # of any parameter from 0; a wall that runs away is none
_NORMAL = FAMILIES["lognormal"]


@dataclass(frozen=True, slots=True)
class WaitModel:
    """The likelihood of a form on some waits.

    Attributes:
        form: of the wait.
        waits: of T trials.
        center: the means of the logs of n and width, which N_c is measured from, [axes].
    """

    form: WaitForm
    waits: Waits
    center: Reals

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order of theta."""
        exponents = (f"exponent_{name}" for name in self.waits.names)
        return ("log_c", *exponents, "log_sigma", *self.form.shape)

    def values(self, theta: Reals) -> Reals:
        """The log likelihood of each trial, [T]."""
        value = self._scored(theta).value
        return np.where(np.isnan(value), -np.inf, value)

    def slopes(self, theta: Reals) -> Reals:
        """The slopes of each trial's log likelihood by theta, [T, q]."""
        slopes = self._scored(theta).slopes
        of_shape = []
        for step in self._shape_steps(theta):
            ahead, behind = (self.values(theta + sign * step) for sign in (1, -1))
            with np.errstate(invalid="ignore"):
                of_shape.append((ahead - behind) / (2 * _DIFFERENCE))
        return np.column_stack([self._design * slopes[:, :1], slopes[:, 1], *of_shape])

    def curvature(self, theta: Reals) -> Reals:
        """Minus the second derivatives of the log likelihood of all trials, [q, q]."""
        design, bends = self._design, self._scored(theta).bends
        inside = self.at_sigma + 1
        matrix = np.zeros((len(theta), len(theta)))
        matrix[: inside - 1, : inside - 1] = design.T @ (bends[:, 0, :1] * design)
        matrix[: inside - 1, inside - 1] = matrix[inside - 1, : inside - 1] = (
            bends[:, 0, 1] @ design
        )
        matrix[inside - 1, inside - 1] = bends[:, 1, 1].sum()
        for index, step in enumerate(self._shape_steps(theta), start=inside):
            ahead, behind = (self.slopes(theta + sign * step).sum(axis=0) for sign in (1, -1))
            with np.errstate(invalid="ignore"):
                matrix[index] = (ahead - behind) / (2 * _DIFFERENCE)
            matrix[:inside, index] = matrix[index, :inside]
        return np.asarray(-(matrix + matrix.T) / 2)

    def _shape_steps(self, theta: Reals) -> Iterator[Reals]:
        """A small step of each parameter of the shape, [q] each."""
        for index in range(self.at_sigma + 1, len(theta)):
            yield _DIFFERENCE * (np.arange(len(theta)) == index)

    @property
    def at_sigma(self) -> int:
        """Where log sigma is in theta; the shape comes after it."""
        return 1 + len(self.waits.names)

    @property
    def _design(self) -> Reals:
        return np.column_stack([np.ones(len(self.waits.log_rows)), self.waits.by - self.center])

    def log_x(self, theta: Reals) -> Reals:
        """log(rows / N_c), [T]."""
        return np.asarray(self.waits.log_rows - self._design @ theta[: self.at_sigma])

    def _scored(self, theta: Reals) -> RowScores:
        """Log likelihoods with their derivatives by -log(rows / N_c), [T], and log sigma."""
        observed, shape = self.waits.observed, theta[self.at_sigma + 1 :]
        low, high = (
            np.where(np.isfinite(end), self.form.fallen(end, shape), end)
            for end in (observed.low, observed.high)
        )
        fallen = Observed(low, high, observed.weight)
        # s(t) takes the place of log t, and -log(rows / N_c) that of the log median.
        log_sigma = theta[self.at_sigma : self.at_sigma + 1]
        return row_scores(fallen, _NORMAL, -self.log_x(theta), log_sigma)

    def share_by(self, theta: Reals, log_wait: Reals | float) -> Reals:
        """The chance of each trial to have generalized within a log wait, [T]."""
        count = self.at_sigma
        times = np.broadcast_to(np.asarray(log_wait, float), self.waits.log_rows.shape)
        fallen = np.where(np.isfinite(times), 0.0, times)
        finite = np.isfinite(times)
        fallen[finite] = self.form.fallen(times[finite], theta[count + 1 :])
        fallen = np.where(np.isnan(fallen), -np.inf, fallen)
        return np.asarray(ndtr((self.log_x(theta) + fallen) / np.exp(theta[count])))


@dataclass(frozen=True, slots=True)
class WaitFit:
    """A form at the maximum of its likelihood.

    Attributes:
        model: form and waits.
        theta: the maximum, [q].
        covariance: of theta, clustered, [q, q]; NaN where clusters are too few.
        freedom: of Student's t for intervals.
        log_likelihood: at the maximum.
        converged: whether it is a maximum.
    """

    model: WaitModel
    theta: Reals
    covariance: Reals
    freedom: int
    log_likelihood: float
    converged: bool

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * len(self.theta) - 2 * self.log_likelihood

    def bounded(self, name: str, sign: float = 1.0) -> Bounded:
        """A parameter, or minus it, with its clustered 95% interval.

        Args:
            name: one of the model's `names`.
            sign: 1 or -1.
        """
        weights = sign * (np.array(self.model.names) == name)
        return self.combined(weights, float(weights @ self.theta))

    def combined(self, weights: Reals, estimate: float) -> Bounded:
        """A function of theta with its clustered interval.

        Args:
            weights: its slopes by theta, [q].
            estimate: its value.
        """
        error = float(np.sqrt(weights @ self.covariance @ weights))
        reach = float(stats.t.ppf(0.975, self.freedom)) * error
        if not (self.converged and np.isfinite(reach)):
            return Bounded(estimate, None, None)
        return Bounded(estimate, estimate - reach, estimate + reach)

    def on(self, waits: Waits) -> WaitModel:
        """The form on other waits, with the same center."""
        return WaitModel(self.model.form, waits, self.model.center)

    def half_at(self, by: Reals, decay_times: float) -> Bounded:
        """The log rows at which half of the nets generalize within some decay times.

        Args:
            by: the logs of n and width, as far as they vary, [axes].
            decay_times: from memorizing on.
        """
        first = self.model.at_sigma + 1

        def fallen(shape: Reals) -> float:
            return float(self.model.form.fallen(np.array([np.log(decay_times)]), shape)[0])

        shape = self.theta[first:]
        weights = np.r_[1.0, by - self.model.center, np.zeros(len(shape) + 1)]
        estimate = float(weights @ self.theta) - fallen(shape)
        for index in range(len(shape)):
            step = _DIFFERENCE * (np.arange(len(shape)) == index)
            weights[first + index] = -(fallen(shape + step) - fallen(shape - step)) / (
                2 * _DIFFERENCE
            )
        return self.combined(weights, estimate)

    def scores(self, waits: Waits) -> Reals:
        """The log probability of what each of other trials did, at least `FLOOR`, [T]."""
        return np.maximum(self.on(waits).values(self.theta), FLOOR)


def fit_waits(waits: Waits, form: WaitForm, near: Reals | None = None) -> WaitFit:
    """The maximum of the likelihood of a form.

    Args:
        waits: of trials of one k.
        form: of the wait.
        near: where the climb begins, [q], such as the maximum of more trials; None: starts of its
            own.
    """
    model = WaitModel(form, waits, waits.by.mean(axis=0))

    def look(theta: Reals) -> Look:
        far = np.abs(theta).max() > _FARTHEST
        value = -np.inf if far else model.values(theta).sum()

        def slopes() -> tuple[Reals, Reals]:
            return model.slopes(theta).sum(axis=0), model.curvature(theta)

        return Look(float(value), slopes)

    tops = [
        climb(look, start, tolerance=_CLOSE, longest=_LONGEST, most_steps=_MOST_STEPS)
        for start in (_starts(model) if near is None else [near])
    ]
    top = max(tops, key=lambda one: one.value)
    covariance, freedom = _clustered(model, top.theta)
    return WaitFit(model, top.theta, covariance, freedom, top.value, top.converged)


def _starts(model: WaitModel) -> list[Reals]:
    """N_c in proportion to n, at the rows where about half of the trials generalize."""
    waits = model.waits
    happened = ~waits.observed.censored
    middle = np.array([float(name == "n") for name in waits.names])
    level = waits.log_rows - (waits.by - model.center) @ middle
    edge = np.quantile(level[happened], 0.05) if happened.any() else float(np.median(level))
    return [np.r_[edge, middle, _FIRST_LOG_SIGMA, shape] for shape in model.form.starts]


def _clustered(model: WaitModel, theta: Reals) -> tuple[Reals, int]:
    """The sandwich covariance of theta over the waits' clusters, and its degrees of freedom.

    Source: as of `analysis.laws.intervals.standard_errors`.
    """
    cluster, curvature = model.waits.cluster, model.curvature(theta)
    count, size = int(cluster.max()) + 1, len(theta)
    freedom = max(count - size, 1)
    values = np.linalg.eigvalsh(curvature) if np.isfinite(curvature).all() else np.zeros(1)
    if count <= size or values.min() <= 0:
        return np.full((size, size), np.nan), freedom
    sums = np.zeros((count, size))
    np.add.at(sums, cluster, model.slopes(theta))
    inverse = np.linalg.inv(curvature)
    return np.asarray(inverse @ (sums.T @ sums * count / freedom) @ inverse), freedom
