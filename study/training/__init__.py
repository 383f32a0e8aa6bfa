"""One pack from its first epoch to its last row: the loop, checkpoints, splitting, replay."""
