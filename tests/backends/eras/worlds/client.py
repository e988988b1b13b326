"""A client of a world: a transport, and the real front behind it."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcpws.errors import McpwsError
from mcpws.fronts.front import Front
from mcpws.jsonrpc.messages import Message
from mcpws.seam.interfaces import Identity
from tests.backends.eras.worlds.oracle import (
    IDS,
    STRAY,
    SUBSCRIPTION,
    URIS,
    Json,
    Key,
    P,
    Violation,
    encoded,
    key_of,
    like,
    must,
    part,
    pick,
    spoil,
)

if TYPE_CHECKING:
    from tests.backends.eras.worlds.world import World

LISTEN = "subscriptions/listen"
MODERN = ["tools/call", "tools/call", "tools/call", "resources/read", "prompts/get", LISTEN, LISTEN, "server/discover"]
LEGACY = ["tools/call", "tools/call", "resources/subscribe", "resources/unsubscribe", "logging/setLevel", "ping"]
ANY = ["tools/list", "completion/complete", "nothing/such"]
FILTERS: list[Any] = [
    {"resourceSubscriptions": ["u:1"]},
    {"resourceSubscriptions": ["u:1", "u:2"]},
    {"resourceSubscriptions": ["u:3", "u:4"], "toolsListChanged": True},
    {"toolsListChanged": True},
    {},
    [],
]
CAPABILITIES: list[Any] = [{}, {"sampling": {}, "elicitation": {}, "roots": {}}, {"roots": {}}]
OURS = ("ping", "initialize", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "server/discover")
"""What whoever stands between may answer by itself with a result."""

QUEUE = 3000
"""Bytes that may wait for a slow client before the front is told."""


@dataclass
class Sent:
    """A request that was put to the front. `nonce` says whose it is, whatever became of its id."""

    nonce: str
    method: str
    params: Any
    token: Any = None
    modern: bool = False


class Client:
    """Sends what it likes; checks all that it gets. It counts as sent what the front has taken."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.random = world.random
        self.name = name
        self.era = self.random.choice(["legacy", "modern", "both"])
        self.ended = False
        self.open: dict[Key, Sent] = {}
        self.asked: dict[Key, str] = {}
        self.refusals: dict[Key, int] = {}
        self.states: list[tuple[Sent, Json]] = []
        self.unsure: set[Key] = set()
        """Ids of requests that were taken back before anybody had looked at them: such a one may yet be refused."""
        self.initialized = False
        self.begun = False
        self.slow = False
        self.heard = 0
        self._count = 0
        self._replying: set[Key] = set()
        self._inbox: deque[Json] = deque()
        self._reading = True
        self._queued = 0
        self._full = False
        self.front = Front(self, Identity(name), world.clock, max_in_flight=4, max_waiting=3, max_outbound_size=4000)
        self.front.open(world.backend)

    # interfaces.Carrier

    @property
    def behind(self) -> bool:
        return self._queued > 0

    def deliver(self, message: Message, data: bytes) -> None:
        self.heard += 1
        if self.slow:
            self._queued += len(data)
            if self._queued > QUEUE and not self._full:
                self._full = True
                self.front.pause_sending()
        whole = json.loads(data)
        must(whole.pop("jsonrpc", None) == "2.0", "no JSON-RPC:", data)
        self.world.note(f"{self.name} <- {whole}")
        self._take(whole)

    def pause_reading(self) -> None:
        must(self._reading, self.name, "paused twice")
        self._reading = False

    def resume_reading(self) -> None:
        must(not self._reading, self.name, "resumed twice")
        self._reading = True

    def backend_began(self) -> None:
        """Nothing to do: what was said already the front has kept."""

    def backend_lost(self, reason: McpwsError) -> None:
        must(not self.open, self.name, "is left with", self.open, "by", reason)
        self.world.note(f"{self.name} ended: {reason}")
        self.ended = True

    def limited(self, setting: str) -> None:
        self.world.note(f"{self.name} came to {setting}")

    def idle(self) -> None:
        raise Violation("nobody drains")

    # What it does.

    def pump(self, force: bool = False) -> None:
        """Have the front take what it reads; `force` gives it one that was under way when it stopped reading."""
        while self._inbox and not self.ended and (self._reading or force):
            force = False
            self._give(self._inbox.popleft())

    def read(self) -> None:
        """Catch up with what waits."""
        self.slow = False
        self._queued = 0
        if self._full:
            self._full = False
            self.front.resume_sending()
        if not self.ended:
            self.front.caught_up()

    def request(self) -> None:
        modern = self.era == "modern" or (self.era == "both" and self.random.random() < 0.5)
        if not modern and not self.begun and self.random.random() < 0.7:
            self._initialize()
            return
        method = pick(self.random, (MODERN if modern else LEGACY) + ANY)
        nonce = self._nonce()
        params = self._params(method, nonce)
        # Whoever answers a ping in place of the server leaves it to guess the token.
        token = pick(self.random, IDS) if method != "ping" and self.random.random() < 0.4 else None
        meta: Json = {} if token is None else {"progressToken": token}
        if modern:
            meta |= {f"{P}protocolVersion": "2026-07-28", f"{P}clientCapabilities": pick(self.random, CAPABILITIES)}
            meta |= {f"{P}clientInfo": {"name": self.name, "version": pick(self.random, "1112")}}
            if self.random.random() < 0.1:
                meta[f"{P}logLevel"] = pick(self.random, ["debug", "error", "loud"])
        if isinstance(params, dict) and meta:
            params["_meta"] = meta
        self._ask(Sent(nonce, method, params, token, modern))

    def retry(self) -> None:
        """Come back to what the server wanted to know."""
        state = pick(self.random, self.states)
        if state is not None:
            sent, result = state
            if self.random.random() < 0.8:
                self.states.remove(state)
            asks = result.get("inputRequests")
            if not isinstance(asks, dict):
                return
            responses = {key: {"action": "accept", "re": part(ask, "params", "message")} for key, ask in asks.items()}
            params = {**sent.params, "inputResponses": responses}
            if "requestState" in result:
                params["requestState"] = result["requestState"]
            self._ask(Sent(sent.nonce, sent.method, params, sent.token, True))

    def cancel(self) -> None:
        id = pick(self.random, IDS)
        self.say({"method": "notifications/cancelled", "params": {"requestId": id}})

    def reply(self, really: bool = False) -> None:
        """Answer something that it was asked, or that it was not."""
        key = pick(self.random, [key for key in self.asked if key not in self._replying])
        if key is None or (not really and self.random.random() < 0.1):
            id = pick(self.random, IDS)
            if key_of(id) not in self.asked:
                self.say({"id": id, "result": {"action": "accept", "re": STRAY}})
            return
        nonce = self.asked[key]
        self._replying.add(key)
        if not really and self.random.random() < 0.2:
            self.say({"id": key[1], "error": {"code": -1, "message": "no", "data": {"re": nonce}}})
        else:
            self.say({"id": key[1], "result": {"action": "accept", "re": nonce}})

    def tell(self) -> None:
        told = ["notifications/initialized", "notifications/roots/list_changed", "notifications/com.example/x"]
        self.say({"method": pick(self.random, told)})

    def close(self) -> None:
        self.world.note(f"{self.name} closes")
        self.ended = True
        self.front.close("gone")

    def say(self, message: Json) -> None:
        self._inbox.append(message)
        self.pump(self.random.random() < 0.1)

    def _nonce(self) -> str:
        self._count += 1
        return f"{self.name}/{self._count}"

    def _initialize(self) -> None:
        nonce = self._nonce()
        params = {
            "protocolVersion": pick(self.random, ["2025-11-25", "2024-11-05", "1.0"]),
            "capabilities": pick(self.random, CAPABILITIES),
            "clientInfo": {"name": self.name, "version": "1"},
            "nonce": nonce,
        }
        self._ask(Sent(nonce, "initialize", params))

    def _params(self, method: str, nonce: str) -> Any:
        if self.random.random() < 0.03:
            return pick(self.random, [None, [1], {"_meta": 1}])
        if method == LISTEN:
            return {"notifications": pick(self.random, FILTERS), "nonce": nonce}
        return {"name": "t", "uri": pick(self.random, URIS), "level": pick(self.random, ["info", "x"]), "nonce": nonce}

    def _ask(self, sent: Sent) -> None:
        id = pick(self.random, [id for id in IDS if key_of(id) not in self.unsure])
        if id is not None:
            self.say({"id": id, "method": sent.method, "params": sent.params, "sent": sent})

    def _give(self, message: Json) -> None:
        """To the front; and what this means for what is open."""
        sent: Sent | None = message.pop("sent", None)
        if not self.world.settling and self.random.random() < 0.1:
            message = spoil(self.random, message)
            if sent is not None:
                sent.params = message.get("params")
        self.world.note(f"{self.name} -> {message}")
        if sent is not None:
            key = key_of(message["id"])
            if key in self.unsure:
                return
            if key in self.open:
                self.refusals[key] = self.refusals.get(key, 0) + 1
            else:
                self.open[key] = sent
                self.begun = self.begun or sent.method == "initialize"
        elif message.get("method") == "notifications/cancelled":
            self._cancelled(key_of(message["params"]["requestId"]))
        elif "method" not in message:
            key = key_of(message["id"])
            if part(message, "result", "re") == STRAY and like(key[1]) & self.asked.keys():
                # It has been asked meanwhile.
                return
            self.asked.pop(key, None)
            self._replying.discard(key)
        self.front.receive(encoded(message))

    def _cancelled(self, key: Key) -> None:
        sent = self.open.get(key)
        if sent is not None and sent.method != "initialize":
            del self.open[key]
            if key in self.refusals:
                self.unsure.add(key)

    # What it gets.

    def _take(self, whole: Json) -> None:
        if "method" not in whole:
            if whole.get("id") is not None:
                self._answered(key_of(whole["id"]), whole)
        elif "id" in whole:
            self._was_asked(key_of(whole["id"]), whole)
        else:
            self._told(whole["method"], whole.get("params"))

    def _answered(self, key: Key, whole: Json) -> None:
        echo = part(whole, "result", "echo") or part(whole, "error", "data", "echo")
        if echo is None and "error" in whole:
            left = self.refusals.pop(key, 0)
            if left > 1:
                self.refusals[key] = left - 1
            if left:
                return
            if key in self.unsure and key not in self.open:
                return
        sent = self.open.pop(key, None)
        if sent is None:
            raise Violation(f"{self.name} got an answer to nothing: {whole}")
        must(echo is None or echo == sent.nonce, self.name, "got the answer to", echo, "for", sent.nonce)
        if "result" in whole:
            result = whole["result"]
            wanted = part(result, "resultType") == "input_required"
            told = echo or part(sent.params, "nonce") is None
            must(told or wanted or sent.method in OURS, self.name, "got a result that nobody gave:", whole, sent)
            must(sent.modern or not wanted, "a legacy client is to give input:", whole)
            if sent.method == "initialize":
                self.initialized = True
            if wanted and isinstance(sent.params, dict):
                self.states.append((sent, result))

    def _was_asked(self, key: Key, whole: Json) -> None:
        must(self.begun, self.name, "is asked before initialize:", whole)
        must(key not in self.asked, self.name, "is asked twice under one id:", whole)
        nonce = part(whole, "params", "message")
        if whole["method"] != "ping":
            must(self.world.owner_of(nonce) == self.name, self.name, "is asked for another:", whole)
        self.asked[key] = nonce

    def _told(self, method: str, params: Any) -> None:
        teller = part(params, "from")
        must(teller is None or self.world.owner_of(teller) in (self.name, None), self.name, "hears another's:", params)
        if method == "notifications/cancelled":
            key = key_of(params["requestId"])
            if key in self.asked:
                del self.asked[key]
                return
            sent = self.open.pop(key, None)
            must(sent and sent.method == LISTEN, self.name, "hears that nothing is cancelled:", params)
        elif method == "notifications/progress":
            token = key_of(params["progressToken"])
            found = [one.nonce for one in self.open.values() if one.token is not None and key_of(one.token) == token]
            must(params.get("message") in [*found, None], self.name, "hears of progress of nothing:", params, found)
        elif SUBSCRIPTION in (part(params, "_meta") or {}) and self.world.kind == "shared":
            sent = self.open.get(key_of(params["_meta"][SUBSCRIPTION]))
            must(sent and sent.method == LISTEN, self.name, "hears of no subscription of its own:", params)
            must(part(params, "nonce") in (None, sent and sent.nonce), self.name, "hears of another's:", params)
