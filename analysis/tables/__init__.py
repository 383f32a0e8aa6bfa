"""A store's two tables as pandas frames, the filters on them, and files of them."""
