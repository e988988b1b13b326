"""The log: the events that are written to it, and how its lines look."""
