"""Laws of the transition time, fitted to all trials, also to those that never generalized.

    times        the observed time of each trial: an interval, or "not by the last reading"
    features     what laws are written in: logarithms of axes and of combinations of axes
    terms        what laws are sums of: slopes, walls, leveling
    equations    the laws, one row each
    families     the errors: log-normal, log-logistic, Weibull
    clocks       how the terms make one time, and how wide its errors are
    likelihood   the one censored likelihood
    model        a law, a family and trials as one function, and its maximum
    intervals    how well the parameters are determined, with profiles and bootstrap
    design       what a fit starts from, checked for what the law needs
    fit          `fit_law`
    grouped      a free location for each group of trials, beside slopes that all share
    adequacy     whether a law fits at all, with turnbull's medians
    compare      which law: criteria, likelihood ratios, prediction beyond what was fitted
    strata       slopes within strata, their mean and spread, and when a pooled slope misleads
    regimes      the trials that grok or comprehend, told by seeds that are held aside
    lines        a line for every stratum, and whether it fits
    existence    whether there is a critical value; shares has the rows that half of the nets need
    study_fits   the fits of a whole study, by regime and stratum
    statements   what was published; claims are the kinds of tests, with their verdicts, and
                 scorecard has the results
    finite_size  the share that generalizes against dataset size, for several n
    views        laws against trials, for charts; diagnostics has residuals, profiles and drift

The mathematics needs numpy, pandas and scipy. `analysis.text.law_text` shows the answers to people.
"""

from analysis.laws.bootstrap import bootstrap, interval_of
from analysis.laws.compare import comparison, fit_laws, ratio_tests
from analysis.laws.equations import LAWS
from analysis.laws.existence import existence
from analysis.laws.fit import Fit, fit_law, with_adequacy
from analysis.laws.intervals import Parameter
from analysis.laws.regimes import regime_of
from analysis.laws.strata import own_slopes, slopes_within
from analysis.laws.times import at_level, shortened, with_norms

__all__ = [
    "LAWS",
    "Fit",
    "Parameter",
    "at_level",
    "bootstrap",
    "comparison",
    "existence",
    "fit_law",
    "fit_laws",
    "interval_of",
    "own_slopes",
    "ratio_tests",
    "regime_of",
    "shortened",
    "slopes_within",
    "with_adequacy",
    "with_norms",
]
