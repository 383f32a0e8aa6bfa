"""The page of a study: its state as JSON, its sections, and one file that works offline."""
