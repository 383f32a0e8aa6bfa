"""Figures as files: of any study, of the paper, and of one trial.

A *panel* is one chart of a figure before it is drawn: a frame made from replayed trials, and how
its vertical axis looks. A *paper figure* is a figure of the paper before it is drawn: its number,
its setting and its panels. A *drawing* is a chart with the rows that it shows, ready for files. A
*plate* is what a reader sees of a figure: title, caption, and drawings or a table. An *album* is
the HTML page of the plates.
"""
