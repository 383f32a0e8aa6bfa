"""`study bench`: this machine's speed against a plain loop and against the floor."""
