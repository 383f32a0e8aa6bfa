"""Phases of trials, cells of their seeds, grids of cells, and the boundaries between phases."""
