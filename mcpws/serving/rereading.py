"""Rereading: the settings of a service that runs, read again, and what can be changed of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.logger import Logger

from mcpws.errors import ConfigError, McpwsError
from mcpws.serving.assembly import Assembly
from mcpws.serving.config import ServiceConfig, service_settings
from mcpws.serving.entries import read_entries
from mcpws.serving.sources import Reading

log = Logger()

NOTHING = "nothing that is served has changed"


class Rereading:
    """Reads the settings again when it is called, and serves other servers if they name other ones.

    Nothing else can be changed without a restart: what has changed all the same is logged. So is a mistake, and then
    everything stays as it was.

    :param read: reads the settings, as the service did when it began.
    :param config: with which it began.
    """

    def __init__(self, read: Callable[[], Reading], config: ServiceConfig, assembly: Assembly) -> None:
        self._read = read
        self._config = config
        self._assembly = assembly

    @staticmethod
    def has_something_to_read(reading: Reading) -> bool:
        """Whether there is a file that can have changed."""
        return bool(reading.file) or "servers" in reading.sources

    def __call__(self) -> None:
        try:
            reading = self._read()
            changed = self._take(reading.config(), reading)
        except McpwsError as error:
            log.error("the settings were read again, and stay as they were: {error}", error=str(error))
        else:
            log.info(
                "the settings were read again: {changed}",
                changed="; ".join(changed) or "nothing that is served has changed",
            )

    def _take(self, new: ServiceConfig, reading: Reading) -> list[str]:
        several = self._assembly.several
        for name in service_settings():
            if name != "servers" and getattr(new, name) != getattr(self._config, name):
                log.warn("{setting} has changed, which takes a restart", setting=reading.sources.get(name, name))
        if several is None:
            if new.entries:
                log.warn("{setting} has changed, which takes a restart", setting=reading.sources["servers"])
            return []
        if not new.entries:
            raise ConfigError("servers", new.servers, "names no server any more")
        # What a server does not say for itself is as it was when all began.
        base = replace(self._config, servers=new.servers, entries={})
        entries = read_entries(base, reading.servers, reading.file, reading.environ)
        return several.change(entries, self._assembly.service.factory)
