"""Adaptive search: which trials to train next, given those that ended."""
