"""Recordings: conversations kept in a file, without secrets, and played back against a server."""
