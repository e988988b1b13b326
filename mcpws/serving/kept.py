"""Observers of a service that keep something, or send it elsewhere: they begin with it, and end after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from mcpws.errors import ConfigError
from mcpws.recording.recorder import Recorder
from mcpws.seam.observer import Observer, together
from mcpws.serving.config import ServiceConfig
from mcpws.serving.telemetry import END_SECONDS, Telemetry
from mcpws.turns.steady import steady


@dataclass(frozen=True, slots=True)
class Kept:
    """What the settings ask for; None where they do not."""

    recorder: Recorder | None
    telemetry: Telemetry | None

    @classmethod
    def of(cls, config: ServiceConfig, reactor: Any) -> Kept:
        """As `config` says.

        :raises ConfigError: the file cannot be had, or the extra `otel` is not installed. It names the field.
        """
        recorder = None
        if config.record is not None:
            recorder = Recorder(config.record, steady(reactor), most=config.record_size, names=config.record_without)
        try:
            return cls(recorder, Telemetry(reactor) if config.otel == "on" else None)
        except ConfigError:
            if recorder is not None:
                recorder.close()
            raise

    @property
    def observer(self) -> Observer | None:
        """Is told of the clients; None for nobody."""
        return together(self.recorder, None if self.telemetry is None else self.telemetry.observer)

    @property
    def end_seconds(self) -> float:
        """That `end` may take."""
        return 0 if self.telemetry is None else END_SECONDS

    def end(self) -> Deferred[None] | None:
        """End what was begun; fires when that is done, within a bound."""
        if self.recorder is not None:
            self.recorder.close()
        return None if self.telemetry is None else self.telemetry.end()
