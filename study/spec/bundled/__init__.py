"""Studies that come with the program, found by name."""
