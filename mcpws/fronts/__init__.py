"""Fronts: the side of a conversation that faces a client, whatever carries the messages."""
