"""A duration in words."""

import pytest

from study.terminal.durations import duration_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "120 min"),
        (7_200, "2.0 h"),
        (11_200, "3.1 h"),
        (172_799, "48.0 h"),
        (216_000, "2.5 days"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_suits_it(seconds, words):
    assert duration_in_words(seconds) == words
