"""Adaptive search: which trials to train next, given the trials that ended."""
