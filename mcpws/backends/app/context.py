"""Context of a call: a function can report, log and ask the client with it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred, fail

from mcpws.backends.app.gate import Gate
from mcpws.errors import CapabilityMissing, ConfigError
from mcpws.jsonrpc.messages import Request, RequestId
from mcpws.mcp.content import (
    Action,
    CreateMessageResult,
    ElicitResult,
    FormValue,
    Implementation,
    PromptMessage,
    Root,
    Text,
)
from mcpws.mcp.levels import LEVELS, Level, hears
from mcpws.mcp.meta import read_meta
from mcpws.mcp.methods import CREATE_MESSAGE, ELICIT, LOG_MESSAGE, PROGRESS, ROOTS_LIST
from mcpws.mcp.versions import WITHOUT_ELICITATION
from mcpws.seam.interfaces import Identity
from mcpws.turns.caller import Caller


class ClientState:
    """A client's description of itself, and the lowest `level` of the log messages that it wants, None for none."""

    __slots__ = ("capabilities", "info", "level", "version")

    def __init__(
        self,
        version: str | None = None,
        info: Implementation | None = None,
        capabilities: dict[str, Any] | None = None,
        level: Level | None = "info",
    ) -> None:
        self.version = version
        self.info = info
        self.capabilities = {} if capabilities is None else capabilities
        self.level = level

    def hears(self, level: Level) -> bool:
        """Whether log messages of `level` are to be sent."""
        if level not in LEVELS:
            raise ConfigError("level", level, f"must be one of {', '.join(LEVELS)}")
        return hears(self.level, level)

    def can(self, capability: str, mode: str = "form") -> bool:
        """Whether the client declared `capability`, and its protocol version has it; of elicitation, that in `mode`."""
        if capability == "elicitation" and self.version in WITHOUT_ELICITATION:
            return False
        declared = self.capabilities.get(capability)
        if capability == "elicitation" and isinstance(declared, dict):
            # An empty object stands for forms: asking by URL came later (MCP 2025-11-25, elicitation).
            return mode in (declared or ("form",))
        return declared is not None


class Context:
    """The call that a function answers, and the client that made it.

    Annotate a parameter with this type to get it. It stays usable after the call, except for `progress`; once the
    client is gone, what would send does nothing and what would wait fails with ConnectionClosed.

    To a client of MCP 2026-07-28 the same methods mean the same, within that protocol's bounds: a call stands for
    itself. Nothing is sent after it, and log messages only if the call asked for them. A server sends no requests:
    `sample`, `elicit` and `list_roots` work in tools, prompts and resources, in this way. At the first question without
    an answer the call ends, cancelled, as if the client had cancelled it; the client gets all questions that are open
    then, and calls again with the answers. **The function runs again from its start**, and a question that is answered
    already gets its answer at once. So do what may be done only once after the last question, and ask the same on each
    run: a question that has changed, by as little as the time in its text, is a new question.
    """

    __slots__ = ("_caller", "_cancelled", "_client", "_gate", "_progress", "_token", "identity", "request_id")

    def __init__(
        self,
        caller: Caller,
        client: ClientState,
        identity: Identity,
        gate: Gate,
        request: Request | None,
    ) -> None:
        self.request_id: RequestId | None = None if request is None else request.id
        self.identity = identity
        self._caller = caller
        self._client = client
        self._gate = gate
        self._token = None if request is None else read_meta(request).progress_token
        self._progress = -inf
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for what the function returns: its client cancelled the call, or is gone."""
        return self._cancelled

    @property
    def client_info(self) -> Implementation | None:
        """Name and version of the client, if it told them."""
        return self._client.info

    @property
    def client_capabilities(self) -> dict[str, Any]:
        """Capabilities that the client declared, as they came (MCP 2025-11-25 and 2026-07-28, ClientCapabilities).

        They are not to be changed.
        """
        return self._client.capabilities

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the call is.

        Nothing is sent when the client did not ask for it, when `progress` has not grown, or when the call is over.

        :raises TypeError: `total` is nan or infinite.
        """
        if self._token is None or not self._progress < progress < inf:
            return
        self.notify(PROGRESS, _given(progressToken=self._token, progress=progress, total=total, message=message))
        self._progress = progress

    def log(self, level: Level, data: Any, logger: str | None = None) -> None:
        """Send a log message, `data` being anything JSON, if the client wants to hear of `level`.

        Without a word from the client that is info and above; by MCP 2026-07-28 it is nothing.

        :raises ConfigError: there is no such level.
        :raises TypeError: `data` is no JSON; nan and infinities are not.
        """
        if self._client.hears(level):
            self.notify(LOG_MESSAGE, {"level": level, "data": data, **_given(logger=logger)})

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification."""
        self._caller.notify(method, params)

    def request(
        self, method: str, params: dict[str, Any] | None = None, *, timeout: float | None = None, type: Any = Any
    ) -> Deferred[Any]:
        """Ask the client; fires with the result, decoded as `type`. Fails as `Caller.request` does.

        Of a client of MCP 2026-07-28 only what `sample`, `elicit` and `list_roots` ask for can be had, as told above,
        and there `timeout` has no meaning. Fails with CannotAsk for all else, where no question may be asked, and once
        the call is over.
        """
        return self._caller.request(method, params, timeout=timeout, type=type)

    def sample(
        self,
        messages: str | Sequence[PromptMessage],
        max_tokens: int,
        *,
        system_prompt: str | None = None,
        temperature: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        model_preferences: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Deferred[CreateMessageResult]:
        """Have the client's model continue `messages`; a string is one message of the user's.

        By MCP 2026-07-28 the function runs again for the answer: see above.
        Fails with CapabilityMissing when the client has no model for us, else as `request` does.
        """
        if isinstance(messages, str):
            messages = [PromptMessage("user", Text(messages))]
        params = _given(
            messages=messages,
            maxTokens=max_tokens,
            systemPrompt=system_prompt,
            temperature=temperature,
            stopSequences=stop_sequences,
            modelPreferences=model_preferences,
        )
        return self._ask(CREATE_MESSAGE, "sampling", params, timeout, CreateMessageResult)

    def elicit(self, message: str, schema: dict[str, Any], *, timeout: float | None = None) -> Deferred[ElicitResult]:
        """Have the client show its user `message` and a form.

        :param schema: a flat JSON Schema: an object, its properties strings, numbers, booleans or enumerations. What
            the user leaves blank is not in the answer, also if the client sends `null` for it.

        By MCP 2026-07-28 the function runs again for the answer: see above.
        Fails with CapabilityMissing when the client shows no forms, else as `request` does.
        """
        params = {"message": message, "requestedSchema": schema}
        elicited = self._ask(ELICIT, "elicitation", params, timeout, _Elicited)
        return elicited.addCallback(_without_blanks)

    def list_roots(self, *, timeout: float | None = None) -> Deferred[list[Root]]:
        """Directories and files that the user opened to this server.

        By MCP 2026-07-28 the function runs again for the answer: see above.
        Fails with CapabilityMissing when the client does not say, else as `request` does.
        """
        listed = self._ask(ROOTS_LIST, "roots", None, timeout, _Roots)
        return listed.addCallback(lambda result: result.roots)

    def drained(self) -> Deferred[None]:
        """Fires when the client can take more, at once unless it reads too slowly.

        Whoever sends much waits for it before each message. Fails with ConnectionClosed when the client is gone.
        """
        return self._gate.wait()

    def settled(self) -> None:
        """The call is answered or cancelled: there is no more progress to report."""
        self._token = None

    def withdrawn(self) -> None:
        """The call is cancelled."""
        self._cancelled = True
        self.settled()

    def _ask(
        self, method: str, capability: str, params: dict[str, Any] | None, timeout: float | None, type: Any
    ) -> Deferred[Any]:
        if not self._client.can(capability):
            return fail(CapabilityMissing(method, capability))
        return self.request(method, params, timeout=timeout, type=type)


class _Roots(Struct, frozen=True):
    roots: list[Root]


class _Elicited(Struct, frozen=True):
    action: Action
    content: dict[str, FormValue | None] | None = None


def _without_blanks(elicited: _Elicited) -> ElicitResult:
    content = elicited.content
    if content is None:
        return ElicitResult(elicited.action)
    filled = {name: value for name, value in content.items() if value is not None}
    return ElicitResult(elicited.action, filled)


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
