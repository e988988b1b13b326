"""A modern client at servers of either era."""
