"""Failures of registered functions: what the log has of one, and what its client is told (one reference for both)."""

from __future__ import annotations

import secrets

from twisted.logger import LogLevel
from twisted.python.failure import Failure

from mcpws.backends.app.hints import hint_for
from mcpws.backends.app.signature import Signature
from mcpws.errors import CapabilityMissing, InternalError, InvalidParams, MalformedResult, RpcError, ToolError
from mcpws.log.events import FUNCTION, whom
from mcpws.mcp.content import Text, ToolResult
from mcpws.seam.interfaces import Identity

MAX_SHOWN = 2000
"""Characters of an exception that are shown to a client."""


class MalformedAnswer(MalformedResult):
    """An answer of the client's that is none to the question; `refusal` tells the client, if nobody else cares."""

    def __init__(self, method: str, refusal: InvalidParams) -> None:
        super().__init__(method, refusal.data["reason"])
        self.refusal = refusal


_TELLING = (RpcError, CapabilityMissing, MalformedAnswer)
"""Exceptions that say what the client is to be told, whatever the function is for."""


class FunctionFailed(InternalError):
    """A registered function raised what it was not to raise, and that is in the log under the `reference`.

    Left alone it answers the request: -32603 with the reference as `data`. `result` is for a tool's model to read.
    """

    def __init__(self, role: str, reference: str, shown: str | None) -> None:
        super().__init__(reference)
        self.role = role
        self.reference = reference
        self.shown = shown
        if shown is not None:
            self.message = f"{self.message}: {shown}"

    def result(self) -> ToolResult:
        """The result with `isError` of a call of a tool."""
        if self.shown is None:
            told = f"The {self.role} failed; the log of its server says why, under reference {self.reference}."
        else:
            told = f"The {self.role} failed: {self.shown} (reference {self.reference})"
        return ToolResult([Text(told)], is_error=True)


class Failures:
    """The door from the exception of a registered function to its client, of one App.

    :param show_errors: whether clients are shown type and text of exceptions that were not meant for them.
    """

    def __init__(self, show_errors: bool) -> None:
        self.show_errors = show_errors

    def told(self, error: BaseException | None, signature: Signature, client: Identity) -> BaseException:
        """Exception in the place of `error`, which the function of `signature` raised.

        That is `error` itself where it says what the client is to be told. Any other, that of `sys.exit()` included, is
        logged with its traceback.
        """
        if isinstance(error, _TELLING) or (isinstance(error, ToolError) and signature.kind == "tool"):
            return error
        reference = secrets.token_hex(4)
        hint = hint_for(error, signature)
        FUNCTION.failure(
            "{role} failed for {whom}, reference {reference}{advice}",
            failure=Failure(error),
            level=LogLevel.error,
            event="function_failed",
            kind=signature.kind,
            role=signature.role,
            function=signature.label,
            whom=whom(client),
            connection=client.connection,
            peer=client.peer,
            reference=reference,
            advice="" if hint is None else f": {hint}",
        )
        return FunctionFailed(signature.role, reference, _shown(error, hint) if self.show_errors else None)


def _shown(error: BaseException | None, hint: str | None) -> str:
    kind = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = "its text cannot be had"
    shown = f"{kind}: {text}" if text else kind
    # What no client can be sent, as halves of surrogate pairs in names of files, is spelt out.
    shown = shown[:MAX_SHOWN].encode(errors="backslashreplace").decode()
    return shown if hint is None else f"{shown} ({hint})"
