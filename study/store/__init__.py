"""The store of a study: two Parquet tables, small JSON files and checkpoints, on disk or S3."""
