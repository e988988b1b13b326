"""Answers to a JSON-RPC batch (JSON-RPC 2.0, section 6): one array, once the last of them is there.

MCP knows batches in version 2025-03-26 only.
"""

from __future__ import annotations

from mcpws.core.messages import RequestId

VERSION = "2025-03-26"
"""The one protocol version that has batches."""


class Batch:
    """Gathers the encoded answers to the requests of one batch, in the order in which they come.

    The owner calls `add` with each answer, `expect_only` when some will get none, `seal` when all members were looked
    at, and sends `encoded()` once `complete` is True, unless it is empty: then there is nothing to answer.
    """

    __slots__ = ("_answers", "_open", "_sealed")

    def __init__(self, ids: set[RequestId]) -> None:
        self._open = ids
        self._answers: list[bytes] = []
        self._sealed = False

    @property
    def complete(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._sealed and not self._open

    def __contains__(self, id: object) -> bool:
        """Whether the answer to this request is still to come."""
        return id in self._open

    def add(self, answer: bytes, id: RequestId | None = None) -> None:
        """An answer; `id` is the request's, None for what is about a member that was no request."""
        if id is not None:
            self._open.discard(id)
        self._answers.append(answer)

    def seal(self) -> None:
        """Nothing more belongs to this batch than what is in it."""
        self._sealed = True

    def expect_only(self, ids: set[RequestId]) -> None:
        """Of the requests that are waited for, only these will be answered."""
        self._open &= ids

    def encoded(self) -> bytes:
        """The array; empty bytes if there is nothing in it."""
        return b"[%b]" % b",".join(self._answers) if self._answers else b""
