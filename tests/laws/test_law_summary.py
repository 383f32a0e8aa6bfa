"""The sentence that comes first says what the numbers say, of trials whose law is known."""

import re

import numpy as np
import pytest
from law_truths import TRUTHS, draw

from analysis.laws.compare import fit_laws
from analysis.laws.strata import slopes_within
from analysis.text.law_summary import fits_in_a_sentence, slope_in_a_sentence
from analysis.text.law_text import lines_of_fits, lines_of_slopes


@pytest.fixture(scope="module")
def powers():
    return draw(TRUTHS["power"], np.random.default_rng(1), 0.2, trials=1200)


def test_the_best_law_is_said_with_its_powers(powers):
    fits, _ = fit_laws(powers, ["constant", "power"])
    said = fits_in_a_sentence(fits)
    n, decay = map(float, re.search(r"goes as n\^(\S+) weight_decay\^(\S+)\.", said).groups())
    assert n == pytest.approx(1.2, abs=0.1)
    assert decay == pytest.approx(-0.8, abs=0.1)
    assert said.startswith("In short: of 2 laws power fits best; by it the time to generalize")
    assert said.endswith("It is not rejected: it misses the points by no more than seeds differ.")


def test_a_law_that_is_rejected_is_said_to_be(powers):
    fits, _ = fit_laws(powers, ["constant"])
    said = fits_in_a_sentence(fits)
    assert "is the same everywhere. But it is rejected: it misses the points" in said
    assert said.count(".") == 2


def test_a_doubling_does_what_the_slope_says(powers):
    within = slopes_within(powers, "weight_decay", "generalized", "lognormal")
    said = slope_in_a_sentence("generalized", within)
    numbers = re.search(r"divides the time .*in steps, by (\S+) \[(\S+), (\S+)\]", said).groups()
    factor, low, high = map(float, numbers)
    assert low < 2**0.8 < high
    assert factor == pytest.approx(2**-within.mean.estimate, rel=0.01)
    rising = slopes_within(powers, "n", "generalized", "lognormal")
    factor = re.search(r"doubling the input bits n multiplies .* by (\S+) \[", said_of(rising))[1]
    assert float(factor) == pytest.approx(2**1.2, rel=0.1)


def said_of(within):
    return slope_in_a_sentence("generalized", within)


def test_each_column_has_its_meaning_beside_it(powers):
    fits, _ = fit_laws(powers, ["constant", "power"])
    lines = "\n".join(lines_of_fits(fits))
    for column in ("parameters", "identified", "delta_aic", "heldout"):
        assert len(re.findall(rf"\b{column}\b", lines)) == 2, column
    within = slopes_within(powers, "n", "generalized", "lognormal")
    lines = "\n".join(lines_of_slopes("all", "generalized", within))
    assert "the time in steps goes as n^slope" in lines
