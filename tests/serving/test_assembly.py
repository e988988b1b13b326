"""What a service is made of, by its settings; nothing is started."""

from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from mcpws import App, Stdio
from mcpws.backends.eras import DualEra
from mcpws.backends.shared import SharedStdio
from mcpws.errors import ConfigError
from mcpws.seam.interfaces import description_of
from mcpws.serving.assembly import Assembly, assemble
from mcpws.serving.config import ServiceConfig


def assembled(**settings: Any) -> Assembly:
    return assemble(ServiceConfig(**settings), cast(Any, Clock()))


def test_without_settings_the_demo_is_served() -> None:
    assembly = assembled()
    assert isinstance(assembly.backend, App)
    assert assembly.service.factory.backend is assembly.backend
    assert assembly.stop_seconds == 0
    assembly.abandon()


@pytest.mark.parametrize(
    ("settings", "backend", "summary"),
    [
        ({}, DualEra, "cat -u"),
        ({"translate": False}, Stdio, "cat -u"),
        ({"stdio_mode": "shared"}, SharedStdio, "cat -u, one process for all clients"),
    ],
)
def test_a_stdio_server_is_served_as_the_settings_say(settings: dict[str, Any], backend: type, summary: str) -> None:
    assembly = assembled(stdio=("cat", "-u"), **settings)
    assert type(assembly.backend) is backend
    (of_processes,) = assembly.stdios()
    assert isinstance(of_processes, Stdio)
    assert assembly.stop_seconds == of_processes.stop_seconds
    assert description_of(assembly.backend).name == "cat"
    assert description_of(assembly.backend).summary == summary


def test_an_app_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_assembled.py").write_text("from mcpws import App\napp = App('own', '1')\n")
    monkeypatch.syspath_prepend(tmp_path)
    backend = assembled(app=str(tmp_path / "own_assembled.py")).backend
    assert isinstance(backend, App)
    assert backend.described().name == "own"


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"app": "no_such.py"}, "app"), ({"stdio": ("no-such-program",)}, "stdio")],
)
def test_what_cannot_be_served_is_told_by_its_field(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assembled(**settings)
    assert caught.value.key == field
