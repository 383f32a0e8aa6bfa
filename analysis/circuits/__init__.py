"""Circuits, the subnetworks of replayed trials: their neurons, and their way through training.

Needs torch, unlike the rest of the analysis.
"""
