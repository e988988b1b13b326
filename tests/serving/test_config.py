"""All settings of a service, as one value."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mcpws.backends.eras import EraTranslation
from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.serving.config import ServiceConfig, service_settings
from mcpws.settings import settings_of


def test_the_defaults_serve_the_demo_to_this_machine_only() -> None:
    config = ServiceConfig()
    assert (config.listen, config.app, config.stdio) == (("8082",), None, None)
    assert (config.stdio_mode, config.cwd, config.env, config.clean_env) == ("per-client", None, (), False)
    assert (config.translate, config.probe_timeout, config.park_timeout, config.max_servers) == (True, 3, 300, 4)
    assert (config.log_level, config.log_format, config.access_log) == ("info", "text", None)
    assert {one.name: getattr(config, one.name) for one in fields(WebSocketConfig)} == {
        one.name: getattr(WebSocketConfig(), one.name) for one in fields(WebSocketConfig)
    }


def test_every_field_is_described_and_so_is_every_limit_of_the_translation() -> None:
    assert set(settings_of(ServiceConfig)) == {one.name for one in fields(ServiceConfig)} - {"entries"}
    assert set(settings_of(EraTranslation)) < set(service_settings())
    for setting in settings_of(ServiceConfig).values():
        assert setting.help.endswith("."), setting.name
        assert setting.help[0].isupper() or setting.help.startswith("permessage-deflate"), setting.name


def test_what_means_nothing_to_a_server_is_not_asked_of_it() -> None:
    hidden = set(settings_of(ServiceConfig)) - set(service_settings())
    assert hidden == {
        "url",
        "server_mode",
        "use_tls",
        "max_reconnect_attempts",
        "reconnect_delay",
        "max_notifications",
        "max_notification_bytes",
    }


def test_there_are_children_for_a_quarter_more_than_there_may_be_clients() -> None:
    assert ServiceConfig(max_connections=10).child_limit == 13
    assert ServiceConfig(max_connections=10, max_children=5).child_limit == 5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"listen": ()}, "listen"),
        ({"listen": ("nonsense:1",)}, "listen"),
        ({"cwd": "/no/such/folder"}, "cwd"),
        ({"stdio": ()}, "stdio"),
        ({"stdio": "cat"}, "stdio"),
        ({"app": "a:b", "stdio": ("cat",)}, "app"),
        ({"env": {"A": "1"}}, "env"),
        ({"log_level": "loud"}, "log_level"),
        ({"park_timeout": 0}, "park_timeout"),
        ({"max_connections": 0}, "max_connections"),
    ],
)
def test_what_cannot_be_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ServiceConfig(**settings)
    assert caught.value.key == named


def test_a_folder_is_one(tmp_path: Path) -> None:
    assert ServiceConfig(cwd=str(tmp_path)).cwd == str(tmp_path)
