"""A whole service: its settings, what it serves, what it says of itself, and how it is loaded anew."""
