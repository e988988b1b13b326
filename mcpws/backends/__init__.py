"""Backends, which answer conversations: methods of this process, child processes, other servers."""
