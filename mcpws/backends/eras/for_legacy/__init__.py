"""A legacy client at servers of either era."""
