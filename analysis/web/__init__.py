"""The page of a report: its HTML, style and script, which `analysis.page` fills."""
