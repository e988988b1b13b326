"""MCP's protocol versions: which there are, what each has, and the newest that both sides speak."""

from __future__ import annotations

from collections.abc import Collection, Sequence

LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The protocol versions that begin with an `initialize` exchange, oldest first."""

MODERN_VERSIONS = ("2026-07-28",)
"""The protocol versions that every request names for itself, oldest first."""

SUPPORTED_VERSIONS = (*reversed(MODERN_VERSIONS), *reversed(LEGACY_VERSIONS))
"""All of them, in the order in which a server offers them: those first that need no handshake."""

WITHOUT_ELICITATION = LEGACY_VERSIONS[:2]
"""Those in which a server may not ask `elicitation/create`, whatever a client declares."""

ARGUMENTS_ARE_PARAMETERS = LEGACY_VERSIONS[:3]
"""Those in which arguments that do not fit a tool are an error for its client; later, a result for the model to read
(MCP 2025-11-25, tools)."""

WITH_BATCHES = LEGACY_VERSIONS[1]
"""The one version that has JSON-RPC batches."""


def newest(ours: Sequence[str], theirs: Collection[str]) -> str | None:
    """The last of `ours` that is one of `theirs`; None if there is none."""
    return next((version for version in reversed(ours) if version in theirs), None)
