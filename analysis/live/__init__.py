"""A store that grows, followed for a page: nothing is read twice, nothing is drawn twice.

`trials` keeps the table of trials, `status` what `study status` counts, `laws` the fits; `study`
joins them into snapshots of what the page shows, and `answers` reads the rows and curves that a
click asks for.
"""
