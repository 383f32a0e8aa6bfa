"""Frames to Altair charts, in one theme. A chart draws and never computes."""
