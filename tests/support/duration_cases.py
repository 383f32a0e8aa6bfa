"""Durations and their words: one table for the rule in Python and for the one in JavaScript."""

DURATIONS = {
    0.4: "0 s",
    119: "119 s",
    120: "2 min",
    7_199: "120 min",
    7_200: "2.0 h",
    11_200: "3.1 h",
    172_799: "48.0 h",
    216_000: "2.5 days",
}
