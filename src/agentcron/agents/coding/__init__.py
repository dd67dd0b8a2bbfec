"""Coding agents of the command line: one runner, and per program how it is called and how its output is read."""
