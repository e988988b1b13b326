"""Listening: endpoints, start and stop in order, the beginning and the end of a program that serves."""
