"""What a study file expands to: points, trials with their ids, and packs of trials."""
