"""A duration in words."""

import pytest
from duration_cases import DURATIONS

from study.terminal.durations import duration_in_words


@pytest.mark.parametrize(("seconds", "words"), DURATIONS.items())
def test_a_duration_is_said_in_the_unit_that_suits_it(seconds, words):
    assert duration_in_words(seconds) == words
