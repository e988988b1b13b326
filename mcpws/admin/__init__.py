"""Pages for those who run a server: whether it is well, what it counts, who is connected and what they ask."""
