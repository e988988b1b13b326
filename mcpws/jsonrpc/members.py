"""Members of JSON objects in messages, looked at without decoding what is in them."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Raw

from mcpws.jsonrpc.messages import Message
from mcpws.jsonrpc.surrogates import reader

_find_escape = re.compile(rb"\\u00").search
_read_members = reader(dict[str, Raw])


def members_of(value: Raw | None) -> dict[str, Any]:
    """The members of a JSON object, undecoded and without duplicates; none of anything else."""
    try:
        return {} if value is None else _read_members(value)
    except ValueError:
        return {}


def may_name(message: Message, part: Raw, name: bytes) -> bool:
    """Whether `part` of the message may have a member whose name has this in it; a search costs less than a decode.

    Names may be spelled with escapes, which for what MCP's names are made of all begin alike.
    """
    data = message.data or bytes(part)
    return name in data or (b"\\" in data and _find_escape(data) is not None)
