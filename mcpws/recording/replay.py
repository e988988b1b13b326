"""Replay: recorded conversations, each on a connection of its own to another server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IReactorTime

from mcpws.client.endpoint import endpoint_for, open_connection
from mcpws.config import WebSocketConfig
from mcpws.policy.urls import split
from mcpws.recording.form import Conversation
from mcpws.recording.playback import Outcome, Playback, Terms
from mcpws.turns.steady import steady
from mcpws.ws.client import ClientConnection, ClientConnectionFactory
from mcpws.ws.target import Target


async def replay(
    conversations: Sequence[Conversation], target: Target, config: WebSocketConfig, terms: Terms, reactor: Any
) -> list[Outcome]:
    """Play `conversations` back, one after the other.

    :param target: the server. If its URL has no path, each conversation goes to the path that it had.
    :param config: of the client, with its timeouts and limits.
    :raises ConfigError: a secret is needed that `terms` do not supply; then nothing is sent.
    :raises McpwsError: a connection cannot be had, or a message cannot be sent.
    """
    terms.supplied.check(conversations)
    return [await _replayed(one, target, config, terms, reactor) for one in conversations]


async def _replayed(
    conversation: Conversation, target: Target, config: WebSocketConfig, terms: Terms, reactor: Any
) -> Outcome:
    clock: IReactorTime = steady(reactor)
    begun: list[Playback] = []

    def begin(connection: ClientConnection) -> Playback:
        begun.append(Playback(conversation, connection.send_message, clock, terms))
        return begun[0]

    at_path = replace(target, url=_with_path(target.url, conversation.opened.path))
    factory = ClientConnectionFactory(at_path, begin, config, reactor=reactor)
    connection = await open_connection(endpoint_for(at_path, reactor, config.timeout_seconds), factory)
    [playback] = begun
    try:
        playback.start()
        return await playback.done
    finally:
        connection.close()
        await playback.gone.when()


def _with_path(url: str, path: str) -> str:
    parts = split(url)
    return url if parts.path not in ("", "/") or parts.query else parts._replace(path=path).geturl()
