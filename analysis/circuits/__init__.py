"""Subnetworks of replayed trials: what they are and what became of them. Needs torch."""
