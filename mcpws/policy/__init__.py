"""Decisions without I/O: `now` is an argument, randomness a callable."""
