"""Laws of the transition time, with the trials that never grokked.

    times       what is known of each trial's time: an interval, or "not by the last reading"
    features    what laws are written in
    terms       what laws are sums of: slopes, walls, leveling
    equations   the laws, a row each
    families    the errors: log-normal, log-logistic, Weibull
    likelihood  one censored likelihood for all of them
    model       law, family and trials as one function, and the climb to its maximum
    intervals, profiles, bootstrap    what the estimates are worth
    fit         `fit_law`
    compare     which law: criteria, likelihood ratios, prediction beyond what was fitted
    answers     the fits of a whole study, by regime and stratum, as text
    scorecard   published statements, tested
    finite_size the share that groks against dataset size, for several n

scipy is all it needs.
"""

from analysis.laws.bootstrap import bootstrap, interval_of
from analysis.laws.compare import comparison, fit_laws, ratio_tests
from analysis.laws.equations import LAWS
from analysis.laws.fit import Fit, fit_law
from analysis.laws.intervals import Parameter
from analysis.laws.times import at_level, shortened, with_norms

__all__ = [
    "LAWS",
    "Fit",
    "Parameter",
    "at_level",
    "bootstrap",
    "comparison",
    "fit_law",
    "fit_laws",
    "interval_of",
    "ratio_tests",
    "shortened",
    "with_norms",
]
