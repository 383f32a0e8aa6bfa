"""Figures as files: of any study, of the paper, and of one trial."""
