"""Counters of an aggregate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class AggregateCounters:
    """Numbers of what did not go as it should: servers that were `left_out` of a conversation or `lost` in it, messages
    that were `dropped` because they belonged nowhere, and those that were `refused` because there was no room."""

    left_out: int = 0
    lost: int = 0
    dropped: int = 0
    refused: int = 0
