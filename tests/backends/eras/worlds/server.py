"""A server of a world: the process behind one conversation of the gateway's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcpws.errors import BackendLost
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Message
from mcpws.seam.interfaces import Link
from tests.backends.eras.worlds.oracle import (
    IDS,
    STRAY,
    SUBSCRIPTION,
    URIS,
    Json,
    Key,
    P,
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

CAPABILITIES: Any = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "logging": {},
    "prompts": {},
}
DISCOVERED: Any = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": CAPABILITIES,
    "ttlMs": 0,
    "cacheScope": "private",
}
ASKS = ["elicitation/create", "sampling/createMessage", "roots/list", "ping"]
TOLD = [
    "notifications/tools/list_changed",
    "notifications/resources/updated",
    "notifications/message",
    "notifications/elicitation/complete",
    "notifications/com.example/x",
]
LISTEN = "subscriptions/listen"


class Server:
    """Says what it likes; checks all that it gets. `owner` is the client that it works for, None if it is for all.

    `serial` marks what it says.
    """

    def __init__(self, world: World, link: Link) -> None:
        self.world = world
        self.random = world.random
        self.link = link
        self.owner = None if link.identity.peer == "all clients" else link.identity.peer
        self.serial = f"server {len(world.servers)}"
        self.era = self.random.choice(world.eras)
        self.silent = self.random.random() < 0.2
        self.gone = False
        self.open: dict[Key, Json] = {}
        self.seen: set[Key] = set()
        self.tokens: set[Key] = set()
        self.listens: set[Key] = set()
        self.withdrawn: set[Key] = set()
        self.questions: dict[Key, str] = {}
        self.paused = False
        self.full = False
        self.heard = 0
        self._asked: dict[str, list[str]] = {}
        self._ids = iter([*IDS, *range(100, 10_000)])
        self._count = 0

    # interfaces.Channel

    def receive(self, message: Message) -> None:
        whole: Json = json.loads(encode(message))
        self.world.note(f"{self.serial} <- {whole}")
        must(not self.gone, self.serial, "is gone, and gets", whole)
        self.heard += 1
        if "method" not in whole:
            self._answered(key_of(whole["id"]), whole)
        elif "id" in whole:
            key = key_of(whole["id"])
            must(key not in self.open, self.serial, "is asked twice under one id:", whole)
            self._check_owner(part(whole, "params", "nonce"), whole)
            self._check_responses(whole.get("params"))
            self.open[key] = whole
            self.seen.add(key)
            if whole["method"] == LISTEN:
                self.listens.add(key)
            token = part(whole, "params", "_meta", "progressToken")
            if token is not None:
                self.tokens.add(key_of(token))
        elif whole["method"] == "notifications/cancelled":
            key = key_of(whole["params"]["requestId"])
            # What an answer of one half has overtaken is known to nobody any more, and goes to the other half.
            seen = any(key in server.seen for server in self.world.servers if server.owner == self.owner)
            must(seen, self.serial, "was not asked what is cancelled:", whole)
            request = self.open.get(key)
            must(request is None or request["method"] != "initialize", "initialize is cancelled")
            self.open.pop(key, None)

    def close(self, reason: str) -> None:
        self.world.note(f"{self.serial} closed: {reason}")
        must(not self.gone, self.serial, "is closed after its end")
        self._end()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        self.paused = True

    # What it does.

    def answer(self, properly: bool = False) -> None:
        """One of the requests: as it should, or with what comes to its mind."""
        key = pick(self.random, [key for key, one in self.open.items() if not (properly and one.get("acknowledged"))])
        if key is None:
            return
        request = self.open[key]
        if request["method"] == LISTEN and self.era != "legacy" and (properly or self.random.random() < 0.8):
            self._acknowledge(key, request, properly)
            return
        if not properly and self.silent and request["method"] in ("ping", "server/discover"):
            return
        del self.open[key]
        self.say({"id": key[1], **self._answer(request, properly)})

    def misbehave(self) -> None:
        """Something that it must not do, and that must do nothing."""
        id = pick(self.random, IDS)
        what = self.random.random()
        if what < 0.4:
            # Of the other type it would be understood, and by a front too.
            client = next((one for one in self.world.clients if one.name == self.owner), None)
            known = self.open.keys() | (set() if client is None else client.open.keys() - {key_of(id)})
            if not like(id) & known:
                self.say({"id": id, "result": {"echo": STRAY, "resultType": "complete", "re": STRAY}})
        elif what < 0.8:
            self._cancel(id)
        elif key_of(id) not in self.tokens:
            self.tell("notifications/progress", progressToken=id, progress=1, message=STRAY)

    def report(self) -> None:
        """Progress of something that it works on."""
        request = pick(self.random, self.open.values())
        token = part(request, "params", "_meta", "progressToken")
        if token is not None and request is not None:
            nonce = part(request, "params", "nonce")
            self.tell("notifications/progress", progressToken=token, progress=1, message=nonce)

    def ask(self) -> None:
        """Its client, as only a legacy one may."""
        id = next(self._ids)
        self._count += 1
        nonce = f"{self.serial}/{self._count}"
        self.questions[key_of(id)] = nonce
        self.say({"id": id, "method": pick(self.random, ASKS), "params": {"message": nonce}})

    def withdraw(self) -> None:
        key = pick(self.random, self.questions)
        if key is not None:
            self._cancel(key[1])

    def notify(self) -> None:
        method = pick(self.random, TOLD)
        about: Json = {"from": f"{self.serial}/0", "uri": pick(self.random, URIS), "level": "error", "data": "x"}
        listen = pick(self.random, [key for key, one in self.open.items() if one["method"] == LISTEN])
        if self.era != "legacy" and self.random.random() < 0.8:
            id = pick(self.random, IDS) if listen is None else listen[1]
            about["_meta"] = {SUBSCRIPTION: id}
            if listen is not None:
                about["nonce"] = part(self.open[listen], "params", "nonce")
        self.tell(method, **about)

    def fill(self) -> None:
        """Read no more, or again."""
        self.full = not self.full
        if self.full:
            self.link.pauseProducing()
        else:
            self.link.resumeProducing()

    def lose(self) -> None:
        self.world.note(f"{self.serial} is lost")
        self._end()
        self.link.lost(BackendLost("it is gone"))

    def tell(self, method: str, **params: Any) -> None:
        self.say({"method": method, "params": params})

    def say(self, message: Json) -> None:
        if not self.world.settling and self.random.random() < 0.1:
            message = spoil(self.random, message)
        self.world.note(f"{self.serial} -> {message}")
        self.link.send(encoded(message))

    def _cancel(self, id: Any) -> None:
        """It may end a subscription so, and withdraw a question; nothing else comes of it."""
        key = key_of(id)
        request = self.open.get(key)
        if request is not None and request["method"] == LISTEN:
            del self.open[key]
        if self.questions.pop(key, None) is not None:
            self.withdrawn.add(key)
        self.tell("notifications/cancelled", requestId=id)

    def _is_listened_to(self, key: Key) -> bool:
        """Whether the client has begun a subscription under this id with another server."""
        others = [one for one in self.world.servers if one.owner == self.owner and one is not self]
        return any(key in one.listens for one in others)

    def _end(self) -> None:
        self.gone = True
        self.open.clear()
        self.questions.clear()

    def _acknowledge(self, key: Key, request: Json, properly: bool) -> None:
        request["acknowledged"] = True
        params = request.get("params")
        about = {"_meta": {SUBSCRIPTION: key[1]}, "nonce": part(params, "nonce"), "from": f"{self.serial}/0"}
        agreed = part(params, "notifications") if properly or self.random.random() < 0.9 else {}
        self.tell("notifications/subscriptions/acknowledged", notifications=agreed, **about)

    def _answer(self, request: Json, properly: bool) -> Json:
        method, params = request["method"], request.get("params")
        echo = part(params, "nonce")
        if method == "initialize" and (self.era != "modern"):
            version = "2025-11-25" if properly or self.random.random() < 0.9 else "1900"
            if not properly and self.random.random() < 0.1:
                return self._error(-32602, echo)
            return {"result": {"protocolVersion": version, "capabilities": CAPABILITIES, "echo": echo}}
        if method == "server/discover" and self.era != "legacy" and (properly or self.random.random() < 0.9):
            return {"result": {**DISCOVERED, **({} if echo is None else {"echo": echo})}}
        if method in ("initialize", "server/discover") or (method == "ping" and self.era == "modern"):
            return self._error(pick(self.random, [-32601, -32600, -32022]), echo)
        modern = part(params, "_meta", f"{P}protocolVersion") is not None
        if not properly and modern and self.random.random() < 0.3 and method == "tools/call":
            return {"result": self._require(echo)}
        if not properly and self.random.random() < 0.2:
            return self._error(pick(self.random, [-32602, -32002, -32042, 7]), echo)
        size = self.random.choice([0, 0, 100, 2000, 5000])
        return {"result": {"echo": echo, "resultType": "complete", "content": [], "padding": "x" * size}}

    def _error(self, code: int, echo: Any) -> Json:
        return {"error": {"code": code, "message": "no", "data": {"echo": echo, "uri": "u:1"}}}

    def _require(self, echo: Any) -> Json:
        """Input of the client, before it goes on."""
        asks = {}
        for key in self.random.sample(["a", "b", "c", "d", "e"], self.random.choice([0, 1, 1, 2, 3, 5])):
            self._count += 1
            nonce = f"{self.serial}/{self._count}"
            self._asked.setdefault(str(echo), []).append(nonce)
            asks[key] = {"method": pick(self.random, ASKS[:3] + ["tasks/get"] * (nonce[-1] == "7"))}
            asks[key]["params"] = {"message": nonce}
        result = {"resultType": "input_required", "inputRequests": asks, "echo": echo}
        return result | ({"requestState": f"{self.serial} {echo}"} if self.random.random() < 0.7 else {})

    def _check_owner(self, nonce: Any, whole: Json) -> None:
        owner = nonce.partition("/")[0] if isinstance(nonce, str) else None
        must(None in (owner, self.owner) or owner == self.owner, self.serial, "gets what is another's:", whole)

    def _check_responses(self, params: Any) -> None:
        responses = part(params, "inputResponses")
        for response in responses.values() if isinstance(responses, dict) else ():
            asked = self._asked.get(str(part(params, "nonce")), [])
            answer = part(response, "re")
            ours = isinstance(answer, str) and answer.startswith(f"{self.serial}/")
            must(answer is None or not ours or answer in asked, self.serial, "gets the answer to another:", params)
            must(answer != STRAY, self.serial, "gets what answers nothing:", params)

    def _answered(self, key: Key, whole: Json) -> None:
        nonce = self.questions.pop(key, None)
        if nonce is None and key in self.withdrawn and self._is_listened_to(key):
            # Whoever steps aside does not know later what was asked meanwhile.
            return
        must(nonce is not None, self.serial, "gets an answer to nothing:", whole)
        answer = part(whole, "result", "re") or part(whole, "error", "data", "re")
        must(answer in (None, nonce), self.serial, "gets the answer to", answer, "for", nonce)
