"""A study file as a checked, frozen value: TOML in, `StudySpec` out, every default filled in."""
