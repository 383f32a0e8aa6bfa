"""The tables that every other folder shares: axes, tasks, nets, measures, columns.

Nothing here needs torch, Arrow or pydantic.
"""
