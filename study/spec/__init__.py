"""A study file as a frozen value: TOML in, a checked `StudySpec` out, every default filled in."""
