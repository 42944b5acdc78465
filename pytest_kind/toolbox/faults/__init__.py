"""Faults: what breaks in real clusters, broken on purpose, and mended when the block ends."""
