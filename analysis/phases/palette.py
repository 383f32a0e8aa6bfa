"""The color of each phase, on the page, in figures and on a terminal. Nothing is imported here."""

# At least 20 apart in CIELAB with each kind of dichromacy, and light enough for dark text.
PHASE_COLORS = {
    "comprehension": "#4fb89a",
    "grokking": "#ffb000",
    "memorization": "#9fb0ff",
    "confusion": "#dde1e6",
}
