"""The command line that all servers written in Python share."""

from __future__ import annotations

import argparse

HOST = "127.0.0.1"
MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes; the default of mcpws, and room enough for every case."""


class Options(argparse.Namespace):
    """How a server is to serve."""

    port: int
    heartbeat: float
    max_connections: int
    certificate: str | None
    key: str | None
    deflate: bool


def parse() -> Options:
    """The options of this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--heartbeat", type=float, required=True, help="seconds between two Pings")
    parser.add_argument("--max-connections", type=int, required=True, help="where the server wants to know")
    parser.add_argument("--certificate", help="PEM file; serves TLS")
    parser.add_argument("--key", help="PEM file")
    parser.add_argument("--deflate", action="store_true", help="permessage-deflate as the library does it by itself")
    return parser.parse_args(namespace=Options())
