"""A study of when small networks grok.

A TOML file becomes a `StudySpec` (spec), which expands to trials and packs (trials); an engine
trains a pack and reads it (engine, nets, tasks, measures); a detector turns readings into
transitions (grokking); the runner joins these and fills the store (runner, store); Ray Tune runs
packs (driver), and the command line starts it all (cli). `analysis` reads the store.
"""

__version__ = "0.1.0"
