from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.settings import settings_of

POSITIVE_SECONDS = ("stall_timeout", "close_timeout")
OPTIONAL_SECONDS = ("timeout_seconds", "initialize_timeout")
SECONDS = ("heartbeat_interval", "heartbeat_timeout", "reconnect_delay", "drain_seconds", "progress_gap")
COUNTS = (
    "max_message_size",
    "max_outbound_size",
    "max_queued_bytes",
    "max_connections",
    "max_in_flight",
    "max_depth",
    "max_bad_messages",
)


def with_setting(key: str, value: Any) -> Any:
    """What a configuration with this value, and all else as it is, has for it."""
    changed: dict[str, Any] = {key: value}
    return getattr(WebSocketConfig(**changed), key)


def refused(**settings: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        WebSocketConfig(**settings)
    [key] = settings
    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key}: must ")
    return caught.value


def test_the_defaults_serve_this_machine_only() -> None:
    config = WebSocketConfig()
    assert config.url == "ws://127.0.0.1:8082"
    assert config.server_mode
    assert config.timeout_seconds == 30
    assert not config.use_tls
    assert config.heartbeat_interval == 30
    assert config.heartbeat_timeout == 60
    assert config.max_reconnect_attempts == 5
    assert config.reconnect_delay == 5
    assert config.max_message_size == config.max_outbound_size == 16 * 1024 * 1024
    assert config.max_queued_bytes == 4 * 1024 * 1024
    assert config.max_connections == 100
    assert config.max_in_flight == 64
    assert config.max_depth == 128
    assert config.max_bad_messages == 60
    assert config.stall_timeout == 30
    assert config.initialize_timeout == 60
    assert config.close_timeout == 5
    assert config.drain_seconds == 10
    assert config.progress_gap == 0.05
    assert config.paths == ("/", "/mcp", "/ws", "/message")
    assert config.hosts == config.origins == ()
    assert not config.require_origin
    assert config.binary == "accept"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        WebSocketConfig().max_connections = 7  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        "ws://localhost:8082",
        "wss://mcp.example.com/mcp?a=b",
        "ws://[::1]:8082/",
        "ws://mcp.example.com",
        "WS://MCP.example.com:65535",
    ],
)
def test_a_websocket_url_is_taken(url: str) -> None:
    assert WebSocketConfig(url=url).url == url


@pytest.mark.parametrize("url", ["", "localhost:8082", "http://localhost", "ws://", "ws://:8082", "ws://localhost:0"])
def test_another_url_is_refused(url: str) -> None:
    assert refused(url=url).value == url


@pytest.mark.parametrize("url", ["ws://localhost:65536", "ws://localhost:x", "ws://[::1"])
def test_a_url_that_cannot_be_read_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebSocketConfig(url=url)
    assert (caught.value.key, caught.value.value) == ("url", url)
    assert caught.value.problem


@pytest.mark.parametrize("key", [*POSITIVE_SECONDS, *OPTIONAL_SECONDS])
@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), "30", True])
def test_a_timeout_is_above_zero(key: str, value: Any) -> None:
    assert "seconds above 0" in refused(**{key: value}).problem
    assert with_setting(key, 0.01) == 0.01


@pytest.mark.parametrize("key", OPTIONAL_SECONDS)
def test_some_may_wait_for_ever(key: str) -> None:
    assert with_setting(key, None) is None


@pytest.mark.parametrize("key", [*POSITIVE_SECONDS, *SECONDS, *COUNTS])
def test_others_may_not(key: str) -> None:
    refused(**{key: None})


@pytest.mark.parametrize("key", SECONDS)
@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), "30", False])
def test_seconds_are_not_negative(key: str, value: Any) -> None:
    assert "0 or more seconds" in refused(**{key: value}).problem
    assert with_setting(key, 0) == 0


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.5, float("inf"), "64", True])
def test_a_limit_is_a_whole_number_above_zero(key: str, value: Any) -> None:
    assert "whole number, 1 or more" in refused(**{key: value}).problem
    assert with_setting(key, 1) == 1


def test_reconnecting_may_be_tried_never() -> None:
    assert WebSocketConfig(max_reconnect_attempts=0).max_reconnect_attempts == 0
    assert "0 or more" in refused(max_reconnect_attempts=-1).problem


def test_a_path_begins_with_a_slash() -> None:
    assert WebSocketConfig(paths=("/a", "/")).paths == ("/a", "/")
    error = refused(paths=("/a", "mcp"))
    assert error.value == "mcp"


@pytest.mark.parametrize("key", ["paths", "hosts", "origins"])
def test_one_text_is_not_taken_for_a_list_of_letters(key: str) -> None:
    assert "tuple" in refused(**{key: "/"}).problem


def test_hosts_and_origins_are_checked() -> None:
    config = WebSocketConfig(hosts=("a.example", "*"), origins=("https://a.example", "null"))
    assert config.hosts == ("a.example", "*")
    assert refused(hosts=("a.example", "http://b.example")).value == "http://b.example"
    assert refused(origins=("https://a.example", "b.example")).value == "b.example"


def test_binary_messages_are_accepted_or_refused() -> None:
    assert WebSocketConfig(binary="refuse").binary == "refuse"
    assert "accept or refuse" in refused(binary="ignore").problem


@pytest.mark.parametrize("key", ["server_mode", "use_tls", "require_origin", "fast_lane", "compression"])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_what_is_on_or_off_is_true_or_false(key: str, value: Any) -> None:
    assert refused(**{key: value}).problem == "must be True or False"


def test_its_docstring_says_of_every_setting_what_it_is() -> None:
    assert WebSocketConfig.__doc__ is not None
    for setting in settings_of(WebSocketConfig).values():
        assert f":param {setting.name}: {setting.help}" in WebSocketConfig.__doc__
