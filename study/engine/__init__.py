"""Engines train packs: arrays in, arrays out. `protocol` says what an engine is."""
