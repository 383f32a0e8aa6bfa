"""Simulated truth: intervals cover what they should, and dropping censored trials does not do.

The slow test makes the table of docs/laws.md: 1,000 samples a law of 600 trials or a few more,
under a budget that censors 30% and 60% of them. A covered parameter is within its 95%
interval; by chance alone 1,000 samples of a coverage of 95% fall below 92% once in 10^5 and above
97% twice in 1,000.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from law_truths import TRUTHS, draw

from analysis.laws import fit_law
from analysis.laws.design import make_design
from analysis.laws.intervals import in_units, parameter_names, standard_errors
from analysis.laws.model import best
from analysis.statistics import Z_95

CASES = [(name, "lognormal") for name in TRUTHS]
CASES += [("power", errors) for errors in ("loglogistic", "weibull")]


def replicate(name, errors, censored, seed):
    """Rows of one sample: parameter, its estimate and interval, and those of events alone."""
    truth = TRUTHS[name]
    entropy = [list(TRUTHS).index(name), len(errors), int(10 * censored), seed]
    trials = draw(truth, np.random.default_rng(entropy), censored, errors=errors)
    fit = fit_law(trials, truth.law, errors=errors, cure=truth.cured > 0)
    naive = events_alone(trials, truth.law, errors)
    rows = []
    for parameter, value in {**truth.parameters, **truth.sigmas}.items():
        fitted = fit.parameters[parameter]
        low = -np.inf if fitted.low is None else fitted.low
        high = np.inf if fitted.high is None else fitted.high
        row = {
            "law": name, "errors": errors, "censored": censored, "parameter": parameter,
            "truth": value, "estimate": fitted.estimate, "interval": fitted.interval,
            "covered": low <= value <= high, "identified": fitted.identified,
        }  # fmt: skip
        if parameter in naive:
            ends = [in_units(parameter, end) for end in naive[parameter]]
            row |= {"naive": ends[1], "naive_covered": ends[0] <= value <= ends[2]}
        rows.append(row)
    return rows


def events_alone(trials, law, errors):
    """What a fit to the trials with the event says: low, estimate and high of each parameter."""
    events = trials[trials["generalized_epoch"].notna()]
    model = make_design(events, law, "generalized", errors, None, cure=False).model
    top = best(model, model.starts())
    spread = Z_95 * standard_errors(model, top.theta, np.arange(len(events)))[0]
    ends = np.column_stack([top.theta - spread, top.theta, top.theta + spread])
    return dict(zip(parameter_names(model, None), ends, strict=True))


def _chunk(work):
    name, errors, censored, seeds = work
    return [row for seed in seeds for row in replicate(name, errors, censored, seed)]


def table_of(rows):
    """One line a law, share censored and parameter: bias, coverage, and those of events alone."""
    frame = pd.DataFrame(rows)
    keys = ["law", "errors", "censored", "parameter"]
    groups = frame.groupby(keys, sort=False)
    identified = frame[frame["identified"]].groupby(
        keys, sort=False
    )  # else an estimate may be anywhere
    truth = groups["truth"].first()
    table = pd.DataFrame(
        {
            "truth": truth,
            "interval": groups["interval"].agg(lambda kinds: kinds.mode()[0]),
            "mean": identified["estimate"].mean(),
            "bias": identified["estimate"].mean() / truth.where(truth != 0) - 1,
            "median": groups["estimate"].median(),
            "covered": groups["covered"].mean(),
            "not_identified": 1 - groups["identified"].mean(),
            "naive": groups["naive"].median(),
            "naive_covered": groups["naive_covered"].apply(lambda hits: hits.mean()),
        }
    )
    return table.reset_index()


def simulated(cases, samples, workers):
    chunks = [
        (name, errors, censored, range(start, min(start + 25, samples)))
        for name, errors in cases
        for censored in (0.3, 0.6)
        for start in range(0, samples, 25)
    ]
    if workers == 1:
        return table_of([row for chunk in map(_chunk, chunks) for row in chunk])
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return table_of([row for chunk in pool.map(_chunk, chunks) for row in chunk])


def is_exponent(table):
    # Slopes of a critical value, and of a square, are known to a third of themselves: not to 3%.
    return table["parameter"].str.match("slope_(?!of_critical|.*squared)|exponent")


def test_a_known_exponent_is_recovered_under_60_percent_censoring():
    # 40 samples: a coverage of 95% falls below 33 of them once in 1,400.
    table = simulated([("power", "lognormal")], 40, 1)
    assert (table["covered"] * 40 >= 33).all()
    exponents = table[is_exponent(table)]
    assert (exponents["bias"].abs() < 0.03).all()
    worst = exponents[exponents["censored"] == 0.6]
    assert (abs(worst["naive"] / worst["truth"] - 1) > 0.1).all()
    assert (worst["naive_covered"] < 0.5).all()


@pytest.mark.parametrize("name", ["critical_rows", "power with cured"])
def test_a_critical_point_and_a_cured_share_are_recovered(name):
    # 12 samples: a coverage of 95% falls below 8 of them once in 5,000.
    table = simulated([(name, "lognormal")], 12, 1)
    assert (table["covered"] * 12 >= 8).all()
    assert (table["not_identified"] < 0.2).all()


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_intervals_cover_and_exponents_are_unbiased():
    samples = int(os.environ.get("LAW_SAMPLES", "1000"))
    table = simulated(CASES, samples, os.cpu_count())
    lines = table.round(4).to_csv(index=False)
    print(lines)
    if "LAW_TABLE" in os.environ:
        Path(os.environ["LAW_TABLE"]).write_text(lines)
    table = table[~table["law"].str.endswith("added")]  # the law only approximates these
    regular = table["interval"] == "information"
    assert table[regular]["covered"].between(0.92, 0.97).all()
    assert (table[~regular]["covered"] >= 0.90).all()
    assert (table[is_exponent(table)]["bias"].abs() < 0.03).all()
