"""A store that grows, followed for a page: each part of the store is read once.

`trials` holds the table of trials, `status` counts as `study status` does, and `law_reader` fits
laws. `snapshot` joins the three into snapshots of what the page shows. `answers` reads the rows and
curves that a click asks for. `serve` answers HTTP, behind `guard`.
"""
