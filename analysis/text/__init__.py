"""Answers of the analysis as lines for people: a module for each subject."""
