"""What answers, as the settings of one server say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcpws.backends.eras import DualEra
from mcpws.backends.shared import SharedStdio
from mcpws.backends.stdio import Stdio
from mcpws.policy.backoff import Backoff
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import Observer
from mcpws.serving.config import SHARED, ServiceConfig
from mcpws.serving.finding import find_backend


def backend_of(config: ServiceConfig, reactor: Any, children: Observer | None) -> tuple[Backend, Stdio | None]:
    """The backend, and whose processes answer for it; None where there are none.

    :param config: has an App or a command.
    :param children: is told of the processes; None for nobody.
    :raises ConfigError: what is to be served cannot be had. It names the field.
    """
    if config.stdio is None:
        assert config.app is not None
        return find_backend(config.app, "app"), None
    stdio = _stdio(config, config.stdio, reactor, children)
    return _behind(stdio, config, reactor), stdio


def _stdio(config: ServiceConfig, command: Sequence[str], reactor: Any, observer: Observer | None) -> Stdio:
    return Stdio(
        command,
        reactor=reactor,
        env=dict(config.env),
        inherit_env=not config.clean_env,
        cwd=config.cwd,
        max_line=config.max_outbound_size,
        max_depth=config.max_depth,
        stall_timeout=config.stall_timeout,
        max_children=config.child_limit,
        max_memory=config.child_memory,
        observer=observer,
        # What is shared has a backoff of its own.
        backoff=None if config.stdio_mode == SHARED else Backoff(),
    )


def _behind(stdio: Stdio, config: ServiceConfig, reactor: Any) -> Backend:
    if config.stdio_mode != SHARED:
        return DualEra(stdio, clock=reactor, settings=config) if config.translate else stdio
    return SharedStdio(
        stdio,
        clock=reactor,
        # As many calls as a connection may have in flight, and as many subscriptions.
        max_open=2 * config.max_in_flight,
        max_queued_bytes=config.max_queued_bytes,
    )
