"""What a service keeps: it begins with it, is told by it, and ends after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from mcpws.errors import ConfigError
from mcpws.recording.recorder import Recorder
from mcpws.serving.assembly import assemble
from mcpws.serving.config import ServiceConfig
from mcpws.serving.kept import Kept
from mcpws.serving.telemetry import END_SECONDS, Telemetry


class Reactor(Clock):
    """A Clock to which threads come back at once."""

    def callFromThread(self, callable: Any, *arguments: Any) -> None:
        callable(*arguments)


def test_without_settings_nothing_is_kept_and_nobody_told() -> None:
    kept = Kept.of(ServiceConfig(), Clock())
    assert (kept.observer, kept.end()) == (None, None)
    assert assemble(ServiceConfig(), cast(Any, Clock())).service.factory.observer is not None


def test_without_settings_nothing_of_opentelemetry_is_imported() -> None:
    code = "import mcpws.cli.serve, sys; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_a_recording_begins_with_the_service_and_ends_after_it(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    kept = Kept.of(ServiceConfig(record=str(file)), Clock())
    assert file.exists()
    assert isinstance(kept.observer, Recorder)
    kept.end()
    assert not kept.observer.recording


def test_a_file_that_cannot_be_had_is_told_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        assemble(ServiceConfig(record=str(tmp_path / "no" / "r.jsonl")), cast(Any, Clock()))
    assert caught.value.key == "record"


def test_without_the_extra_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    config = ServiceConfig(record=str(tmp_path / "r.jsonl"), otel="on")
    with pytest.raises(ConfigError) as caught:
        Kept.of(config, Clock())
    assert (caught.value.key, caught.value.problem) == ("otel", "needs OpenTelemetry: pip install 'mcpws[otel]'")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "sends http/protobuf alone, and OTEL_EXPORTER_OTLP_PROTOCOL is grpc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1", "cannot begin: "),
    ],
)
def test_what_the_environment_says_and_cannot_be_is_named(
    name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        Telemetry(Reactor())
    assert caught.value.key == "otel"
    assert caught.value.problem.startswith(problem)


def test_the_last_spans_are_not_waited_for_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor, released = Reactor(), Event()
    telemetry = Telemetry(reactor)
    provider = telemetry._provider
    shutdown = provider.shutdown

    def slow() -> None:
        released.wait(30)
        shutdown()

    monkeypatch.setattr(provider, "shutdown", slow)
    ended: list[object] = []
    telemetry.end().addCallback(ended.append)
    reactor.advance(END_SECONDS - 1)
    assert len(ended) == 0
    reactor.advance(1)
    assert len(ended) == 1
    released.set()
