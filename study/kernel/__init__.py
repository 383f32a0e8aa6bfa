"""Compiled code and the arithmetic that it must share with torch: the C library and its loader."""
