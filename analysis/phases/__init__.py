"""What each trial did, what the seeds of a point did together, and where that changes."""
