"""A page beside WebSockets, as a program describes it: nothing of `twisted.web` is imported for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcpws.http.checks import Check

if TYPE_CHECKING:
    from twisted.web.resource import IResource

MAX_BODY = 1024 * 1024
"""Bytes that a request for a page may carry."""

BODY_SECONDS = 60.0
"""For them to come."""

STALL_SECONDS = 30.0
"""For which a client may take nothing of an answer that is more than goes out at once, and"""

SLOWEST = 16 * 1024
"""the bytes a second that it has to take from then on."""


@dataclass(frozen=True, slots=True)
class Page:
    """A resource of `twisted.web`, and all below it.

    :param checks: that a request has to pass once its Host is ours, in order. Whom they say it comes from is the
        `principal` of the request that the resource renders.
    :param hosts: that the page is served under, in place of those of the config; `["*"]` for any.
    """

    resource: IResource
    checks: Sequence[Check] = ()
    hosts: Sequence[str] | None = None
