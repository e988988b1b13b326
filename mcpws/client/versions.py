"""Which protocol version both sides speak (MCP 2026-07-28, versioning)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mcpws.errors import RemoteError, UnsupportedProtocol


class _Refusal(Struct):
    supported: Annotated[tuple[str, ...], Meta(min_length=1)]


def newest(ours: Sequence[str], theirs: Collection[str]) -> str | None:
    """The last of `ours` that is one of `theirs`; None if there is none."""
    return next((version for version in reversed(ours) if version in theirs), None)


def spoken_instead(error: RemoteError) -> tuple[str, ...] | None:
    """What the server speaks that refused a request for its version; None if it did not, or does not say."""
    if error.code != UnsupportedProtocol.code:
        return None
    try:
        return msgspec.convert(error.data, _Refusal).supported
    except msgspec.ValidationError:
        return None
