"""The two tables of a store as pandas frames, filters on their rows, and files of the rows."""
