"""The tables that every other folder shares: axes, tasks, nets, measures, columns, outcomes.

The tables need no torch, Arrow or pydantic, so that a command can ask them before it loads either.
"""
