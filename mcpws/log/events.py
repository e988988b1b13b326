"""Events of the log: what is written of connections, requests, children and limits, whoever writes it.

Every event is one line. It has its name as `event`, and each thing that it tells as a field of a name of its own;
docs/operations.md lists them, and they stay. A field may hold what a client chose, cut to 200 characters. In the line
that is escaped.
"""

from __future__ import annotations

import re
from signal import strsignal
from typing import Literal, TypeAlias

from twisted.logger import Logger, LogLevel

from mcpws.config import WebSocketConfig
from mcpws.mcp.naming import cut
from mcpws.mcp.trace import trace_of_handshake
from mcpws.policy.pace import Pace
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Call, ClientInfo, Closing, Ended, Exit, MessageObserver, Observer, Party, Refused
from mcpws.settings import settings_of

CONNECTION = Logger("mcpws.connection")
REQUEST = Logger("mcpws.request")
CHILD = Logger("mcpws.child")
LIMIT = Logger("mcpws.limit")
FUNCTION = Logger("mcpws.function")

Level: TypeAlias = Literal["debug", "info", "warn"]

_LEVELS = {"debug": LogLevel.debug, "info": LogLevel.info, "warn": LogLevel.warn}

FAILED_PER_SECOND = 50
"""Requests that failed of which the log tells, where it does not tell of all."""

REFUSED_PER_SECOND = 50
"""Connections that were refused of which the log of one server tells."""

# Needs no quotes: printable ASCII without blanks, quotes and backslashes.
_is_plain = re.compile(r"[!#-&(-\[\]-~]+").fullmatch

_WAYS = {
    "hosts": "allows it",
    "origins": "allows it",
    "paths": "serves it",
    "require_origin": "asks for one",
    "max_connections": "allows more",
}


def option_of(setting: str) -> str:
    """Spelling of a setting on the command line."""
    known = settings_of(WebSocketConfig).get(setting)
    return f"--{setting.replace('_', '-') if known is None else known.option}"


def quoted(text: str) -> str:
    """A text of somebody else's for a line of the log: cut and, unless it is plain, quoted as `repr` does it."""
    short = cut(text)
    return short if _is_plain(short) else repr(short)


def whom(who: Identity) -> str:
    """Subject of a line: `#3 tcp4:127.0.0.1:50312`, with the number of the connection if it has one."""
    return quoted(who.peer) if who.connection is None else f"#{who.connection} {quoted(who.peer)}"


def write(log: Logger, level: Level, event: str, who: Identity, said: str, **fields: object) -> None:
    """Write one event.

    :param who: whom it is about; the line begins with that.
    :param said: the rest of the line. Of texts that are not ours, what `quoted` makes of them.
    :param fields: all that there is to know, by name. Texts are cut, and None is left out.
    """
    line = f"{whom(who)} {said}"
    given = {name: cut(one) if type(one) is str else one for name, one in fields.items() if one is not None}
    log.emit(_LEVELS[level], "{line}", line=line, event=event, connection=who.connection, peer=cut(who.peer), **given)


def advice(refused: Refused) -> str | None:
    """What to do for one that was refused to be let in; None where nothing helps."""
    if refused.setting is None:
        return None
    return f"{option_of(refused.setting)} {_WAYS.get(refused.setting, 'is why')}"


def log_refused(refused: Refused) -> None:
    """A connection was refused before it was a WebSocket."""
    option = None if refused.setting is None else option_of(refused.setting)
    advised = advice(refused)
    said = f"refused: {refused.text}" if refused.status is None else f"refused with {refused.status}: {refused.text}"
    if refused.value is not None:
        said += f", {quoted(refused.value)}"
    if advised is not None:
        said += f" ({advised})"
    write(
        CONNECTION,
        "info",
        "refused",
        Identity(refused.peer, connection=refused.connection),
        said,
        status=refused.status,
        reason=refused.text,
        value=refused.value,
        setting=refused.setting,
        option=option,
    )


def log_more_refused(count: int) -> None:
    """So many were refused besides those that the log tells of."""
    CONNECTION.info("{line}", line=f"{count} more connections were refused", event="refusals_not_shown", count=count)


def log_limit(who: Identity, setting: str, limit: object) -> None:
    """A limit was hit."""
    option = option_of(setting)
    said = f"came to the limit {setting}, which is {limit} ({option} sets it)"
    write(LIMIT, "warn", "limit", who, said, setting=setting, limit=limit, option=option)


def log_child_started(who: Identity, pid: int, program: str) -> None:
    """A child process was started for a client."""
    write(CHILD, "info", "child_started", who, f"child {pid} started: {quoted(program)}", pid=pid, program=program)


def log_child_ended(who: Identity, pid: int, exit: Exit) -> None:
    """A child process is no more."""
    if exit.signal is None:
        how = f"exited with status {exit.status}"
    else:
        how = f"was killed by signal {exit.signal} ({strsignal(exit.signal)})"
    seconds = round(exit.seconds, 3)
    said = f"child {pid} {how} after {seconds} s"
    write(
        CHILD,
        "warn" if exit.by_itself else "info",
        "child_ended",
        who,
        f"{said}, by itself" if exit.by_itself else said,
        pid=pid,
        status=exit.status,
        signal=exit.signal,
        by_itself=exit.by_itself,
        seconds=seconds,
    )


class ConnectionLog(Observer):
    """Writes a line when a client has connected, when it has said who it is, and when it is gone."""

    def opened(self, party: Party) -> None:
        who = party.identity
        origin, user_agent = who.headers.get("origin"), who.headers.get("user-agent")
        told = (("path", who.path), ("origin", origin), ("subprotocol", who.subprotocol), ("user agent", user_agent))
        said = ", ".join(f"{name} {quoted(value)}" for name, value in told if value is not None)
        write(
            CONNECTION,
            "info",
            "connected",
            who,
            f"connected: {said}",
            path=who.path,
            origin=origin,
            subprotocol=who.subprotocol,
            user_agent=user_agent,
        )

    def introduced(self, party: Party, client: ClientInfo) -> None:
        said = f"is {quoted(client.name)} {quoted(client.version)}, MCP {quoted(client.protocol)}"
        write(
            CONNECTION,
            "info",
            "client",
            party.identity,
            said,
            client=client.name,
            client_version=client.version,
            mcp=client.protocol,
        )

    def closed(self, party: Party, closing: Closing) -> None:
        counts = closing.counts
        by = "server" if (closing.by == "us") is (party.kind == "client") else "client"
        seconds = round(closing.seconds, 3)
        said = f"closed by {by}"
        if closing.code is not None:
            said += f" with {closing.code}"
        if closing.reason:
            said += f" {quoted(closing.reason)}"
        said += (
            f" after {seconds} s: {counts.messages_received} messages ({counts.bytes_received} bytes) in,"
            f" {counts.messages_sent} ({counts.bytes_sent} bytes) out"
        )
        write(
            CONNECTION,
            "info",
            "closed",
            party.identity,
            said,
            by=by,
            code=closing.code,
            reason=closing.reason or None,
            seconds=seconds,
            messages_received=counts.messages_received,
            messages_sent=counts.messages_sent,
            bytes_received=counts.bytes_received,
            bytes_sent=counts.bytes_sent,
        )


class AccessLog(ConnectionLog, MessageObserver):
    """Writes a line for each request of a client besides, once it has ended.

    :param level: of those that have gone well. None to leave them out; then clients cannot fill the log either: of the
        others, which are info, it has no more than `FAILED_PER_SECOND`, and how many there were besides.
    """

    def __init__(self, level: Level | None = "info") -> None:
        self._level = level
        self._pace = Pace(FAILED_PER_SECOND)

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        level = self._level
        if ended.outcome != "ok":
            if level is None and not self._pace.passes(call.began + ended.seconds):
                return
            if hidden := self._pace.hidden():
                said = f"{hidden} more requests that failed"
                REQUEST.info("{line}", line=said, event="requests_not_shown", count=hidden)
            level = "info"
        if level is None:
            return
        subject, seconds, error = call.subject, round(ended.seconds, 6), ended.error
        said = quoted(call.method)
        if subject is not None:
            said += f" {quoted(subject)}"
        said += f": {ended.outcome}"
        if error is not None:
            said += f" {error.code} {quoted(error.message)}"
        said += f" in {seconds} s, {ended.size} bytes"
        trace = call.trace or trace_of_handshake(party.identity.headers)
        if trace is not None:
            said += f", trace {trace.trace_id}"
        write(
            REQUEST,
            level,
            "request",
            party.identity,
            said,
            method=call.method,
            name=subject,
            request=call.id,
            outcome=ended.outcome,
            seconds=seconds,
            bytes=ended.size,
            code=None if error is None else error.code,
            error=None if error is None else error.message,
            trace_id=None if trace is None else trace.trace_id,
            span_id=None if trace is None else trace.span_id,
        )


def service_log(access_log: bool | None, level: str) -> Observer | None:
    """Observer that writes the connections and requests of a service to the log.

    :param access_log: whether every request is info. None for those that fail only, unless `level` is debug; False for
        none, which costs nothing.
    :param level: the least important that the log has; above info there is nothing to write, and nobody to be told.
    """
    if level not in ("debug", "info"):
        return None
    if access_log is None:
        return AccessLog("debug" if level == "debug" else None)
    return AccessLog() if access_log else ConnectionLog()
