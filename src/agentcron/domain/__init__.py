"""Frozen values and pure decisions: no I/O, no clock, no async; everything is given ``now``."""
