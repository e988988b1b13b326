"""Clients of an App, for the demo server, which is one."""

from tests.backends.conftest import client, new_client, new_stateless, stateless

__all__ = ["client", "new_client", "new_stateless", "stateless"]
