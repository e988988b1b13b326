"""Answers to a JSON-RPC batch (JSON-RPC 2.0, section 6): one array, once the last of them is there."""

from __future__ import annotations

from mcpws.errors import ResultTooLarge
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Error, RequestId

_LONGEST = 10**18
"""Bytes, for the length of a number of them."""


class Batch:
    """Gathers the encoded answers to the requests of one batch, in the order in which they come.

    The owner calls `add` with each answer, `expect_only` when some will get none, `seal` when all members were looked
    at, and sends `encoded()` once `complete` is True, unless it is empty: then there is nothing to answer.

    :param ids: of the requests.
    :param max_size: bytes of the array. There is always room left for an error to each request that is still open; only
        where these errors alone, and what is said of bad members, are longer is the array longer too.
    """

    __slots__ = ("_answers", "_max_size", "_open", "_sealed", "_size")

    def __init__(self, ids: set[RequestId], max_size: int) -> None:
        self._open = {id: len(_refusal(id, _LONGEST, max_size)) + 1 for id in ids}
        self._max_size = max_size
        # A bracket, and after each answer a comma or the other bracket.
        self._size = 1
        self._answers: list[bytes] = []
        self._sealed = False

    @property
    def complete(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._sealed and not self._open

    def __contains__(self, id: object) -> bool:
        """Whether the answer to this request is still to come."""
        return id in self._open

    def add(self, answer: bytes, id: RequestId | None = None) -> bool:
        """An answer; `id` is the request's, None for what is about a member that was no request.

        Returns whether it is in the array. Where it does not fit there is ResultTooLarge in its place, which says how
        long the array would have become.
        """
        kept = True
        if id is not None:
            self._open.pop(id, None)
            size = self._size + len(answer) + 1 + sum(self._open.values())
            if size > self._max_size:
                refusal = _refusal(id, size, self._max_size)
                kept = len(answer) <= len(refusal)
                answer = answer if kept else refusal
        self._answers.append(answer)
        self._size += len(answer) + 1
        return kept

    def seal(self) -> None:
        """Nothing more belongs to this batch than what is in it."""
        self._sealed = True

    def expect_only(self, ids: set[RequestId]) -> None:
        """Of the requests that are waited for, only these will be answered."""
        self._open = {id: room for id, room in self._open.items() if id in ids}

    def encoded(self) -> bytes:
        """The array; empty bytes if there is nothing in it."""
        return b"[%b]" % b",".join(self._answers) if self._answers else b""


def _refusal(id: RequestId, size: int, limit: int) -> bytes:
    return encode(Error.answering(id, ResultTooLarge(size, limit)))
