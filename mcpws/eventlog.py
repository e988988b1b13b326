"""Events of the log: what is written of connections, requests, children and limits, whoever writes it.

Every event is one line. It has its name as `event`, and each thing that it tells as a field of a name of its own;
docs/operations.md lists them, and they stay. A field may hold what a client chose, cut to 200 characters. In the line
that is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from signal import strsignal
from typing import Literal, TypeAlias

from twisted.logger import Logger, LogLevel

from mcpws.config import WebSocketConfig
from mcpws.core.naming import cut
from mcpws.interfaces import Identity
from mcpws.observer import Call, ClientInfo, Closing, Ended, Exit, MessageObserver, Observer, Party, Refused
from mcpws.settings import settings_of

CONNECTION = Logger("mcpws.connection")
REQUEST = Logger("mcpws.request")
CHILD = Logger("mcpws.child")
LIMIT = Logger("mcpws.limit")

Level: TypeAlias = Literal["debug", "info", "warn"]

_LEVELS = {"debug": LogLevel.debug, "info": LogLevel.info, "warn": LogLevel.warn}

# Needs no quotes: printable ASCII without blanks, quotes and backslashes.
_PLAIN = re.compile(r"[!#-&(-\[\]-~]+")

_WAYS = {
    "hosts": "allows it",
    "origins": "allows it",
    "paths": "serves it",
    "require_origin": "asks for one",
    "max_connections": "allows more",
}


def option_of(setting: str) -> str:
    """How a setting is spelled on the command line."""
    known = settings_of(WebSocketConfig).get(setting)
    return f"--{setting.replace('_', '-') if known is None else known.option}"


def slot(name: str, value: object) -> str:
    """Where the field `name` goes in a line: a text that is not plain in quotes, and escaped as Python does it."""
    return f"{{{name}!r}}" if isinstance(value, str) and not _PLAIN.fullmatch(value) else f"{{{name}}}"


def write(log: Logger, level: Level, event: str, who: Identity | None, said: str, fields: Mapping[str, object]) -> None:
    """Write one event.

    :param who: whom it is about; the line begins with that.
    :param said: the rest of the line, a format of `fields`.
    :param fields: what else there is to know, by name. Texts are cut, those that are None are left out.
    """
    given = {name: cut(one) if isinstance(one, str) else one for name, one in fields.items() if one is not None}
    if who is not None:
        given["peer"] = who.peer
        said = f"{slot('peer', who.peer)} {said}"
        if who.connection is not None:
            given["connection"] = who.connection
            said = f"#{{connection}} {said}"
    log.emit(_LEVELS[level], said, event=event, **given)


def log_refused(refused: Refused) -> None:
    """A connection was refused before it was a WebSocket."""
    fields: dict[str, object] = {
        "status": refused.status,
        "reason": refused.text,
        "value": refused.value,
        "setting": refused.setting,
        "option": None if refused.setting is None else option_of(refused.setting),
    }
    said = "refused: {reason}" if refused.status is None else "refused with {status}: {reason}"
    if refused.value is not None:
        said += f", {slot('value', cut(refused.value))}"
    if refused.setting is not None:
        said += f" ({{option}} {_WAYS.get(refused.setting, 'is why')})"
    write(CONNECTION, "info", "refused", Identity(refused.peer, connection=refused.connection), said, fields)


def log_limit(who: Identity, setting: str, limit: object) -> None:
    """A limit was hit."""
    fields = {"setting": setting, "limit": limit, "option": option_of(setting)}
    write(LIMIT, "warn", "limit", who, "hit {setting}, which is {limit} ({option} sets it)", fields)


def log_child_started(who: Identity, pid: int, program: str) -> None:
    """A child process was started for a client."""
    said = f"child {{pid}} started: {slot('program', cut(program))}"
    write(CHILD, "info", "child_started", who, said, {"pid": pid, "program": program})


def log_child_ended(who: Identity, pid: int, exit: Exit) -> None:
    """A child process is no more."""
    if exit.signal is None:
        how = "exited with status {status}"
    else:
        how = f"was killed by signal {{signal}} ({strsignal(exit.signal)})"
    fields = {
        "pid": pid,
        "status": exit.status,
        "signal": exit.signal,
        "by_itself": exit.by_itself,
        "seconds": round(exit.seconds, 3),
    }
    said = f"child {{pid}} {how} after {{seconds}} s" + (", by itself" if exit.by_itself else "")
    write(CHILD, "warn" if exit.by_itself else "info", "child_ended", who, said, fields)


class ConnectionLog(Observer):
    """Writes a line when a client has connected, when it has said who it is, and when it is gone."""

    def opened(self, party: Party) -> None:
        who = party.identity
        fields = {
            "path": who.path,
            "origin": who.headers.get("origin"),
            "subprotocol": who.subprotocol,
            "user_agent": who.headers.get("user-agent"),
        }
        told = (
            f"{name.replace('_', ' ')} {slot(name, cut(value))}" for name, value in fields.items() if value is not None
        )
        write(CONNECTION, "info", "connected", who, f"connected: {', '.join(told)}", fields)

    def introduced(self, party: Party, client: ClientInfo) -> None:
        fields = {"client": client.name, "client_version": client.version, "mcp": client.protocol}
        name, version, protocol = (slot(field, value) for field, value in fields.items())
        write(CONNECTION, "info", "client", party.identity, f"is {name} {version}, MCP {protocol}", fields)

    def closed(self, party: Party, closing: Closing) -> None:
        counts = closing.counts
        fields = {
            "by": "server" if (closing.by == "us") is (party.kind == "client") else "client",
            "code": closing.code,
            "reason": closing.reason or None,
            "seconds": round(closing.seconds, 3),
            "messages_received": counts.messages_received,
            "messages_sent": counts.messages_sent,
            "bytes_received": counts.bytes_received,
            "bytes_sent": counts.bytes_sent,
        }
        said = "closed by {by}"
        if closing.code is not None:
            said += " with {code}"
        if closing.reason:
            said += f" {slot('reason', cut(closing.reason))}"
        said += (
            " after {seconds} s: {messages_received} messages ({bytes_received} bytes) in,"
            " {messages_sent} ({bytes_sent} bytes) out"
        )
        write(CONNECTION, "info", "closed", party.identity, said, fields)


class AccessLog(ConnectionLog, MessageObserver):
    """Writes a line for each request of a client besides, once it has ended.

    :param level: of those that have gone well, None to leave them out; the others are info.
    """

    def __init__(self, level: Level | None = "info") -> None:
        self._level = level

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        fields: dict[str, object] = {
            "method": call.method,
            "name": call.subject,
            "request": call.id,
            "outcome": ended.outcome,
            "seconds": round(ended.seconds, 6),
            "bytes": ended.size,
        }
        said = slot("method", call.method)
        if call.subject is not None:
            said += f" {slot('name', call.subject)}"
        said += ": {outcome}"
        if ended.error is not None:
            fields |= {"code": ended.error.code, "error": ended.error.message}
            said += f" {{code}} {slot('error', cut(ended.error.message))}"
        said += " in {seconds} s, {bytes} bytes"
        level = self._level if ended.outcome == "ok" else "info"
        if level is None:
            return
        write(REQUEST, level, "request", party.identity, said, fields)


def observer(access_log: bool, debug: bool) -> Observer:
    """What writes the log of a server.

    :param access_log: whether every request is info.
    :param debug: whether those that go well are debug, where `access_log` is not on.
    """
    if access_log:
        return AccessLog()
    return AccessLog("debug") if debug else ConnectionLog()
