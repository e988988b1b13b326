"""`--stdio` between clients and servers of both eras that nobody here wrote: every pair of them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.soak]

HERE = Path(__file__).parent
CLIENT_SECONDS = 90
MODERN, LEGACY = "2026-07-28", "2025-11-25"

Serve = Callable[..., Any]

BY_MODE = pytest.mark.parametrize(
    ("mode", "version"),
    [("auto", MODERN), (MODERN, MODERN), ("legacy", LEGACY)],
    ids=["automatic", "modern", "legacy"],
)


def drive(sdk2: Path, which: str, mode: str, url: str) -> str:
    """Run the official client of version 2 in a mode of its own; returns the protocol version it came to."""
    bridge = [sys.executable, "-m", "mcpws.cli", "connect", url]
    ended = subprocess.run(
        [sdk2 / "python", HERE / "foreign" / "eras_client.py", which, mode, *bridge],
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


@BY_MODE
def test_a_legacy_server_serves_clients_of_both_eras(
    serve: Serve, sdk2: Path, node: Path, mode: str, version: str
) -> None:
    service = serve("--stdio", f"npx --prefix {node} mcp-server-everything")
    assert drive(sdk2, "everything", mode, service.url) == version


@BY_MODE
def test_a_modern_server_serves_clients_of_both_eras(serve: Serve, sdk2: Path, mode: str, version: str) -> None:
    service = serve("--stdio", f"{sdk2 / 'python'} {HERE / 'foreign' / 'eras_server.py'} modern-only")
    assert drive(sdk2, "both", mode, service.url) == version


@BY_MODE
def test_a_server_of_both_eras_serves_each_client_in_its_own(serve: Serve, sdk2: Path, mode: str, version: str) -> None:
    service = serve("--stdio", f"{sdk2 / 'python'} {HERE / 'foreign' / 'eras_server.py'}")
    assert drive(sdk2, "both", mode, service.url) == version


def test_without_translation_a_server_serves_only_its_own_era(serve: Serve, sdk2: Path) -> None:
    command = f"{sdk2 / 'python'} {HERE / 'foreign' / 'eras_server.py'} modern-only"
    service = serve("--stdio", command, "--no-translate")
    assert drive(sdk2, "both", MODERN, service.url) == MODERN
    with pytest.raises(AssertionError, match="Only 2026-07-28 is spoken here"):
        drive(sdk2, "both", "legacy", service.url)
