"""The only Ray of the project: Tune runs packs, one Tune trial each; Ray Jobs carry studies."""
