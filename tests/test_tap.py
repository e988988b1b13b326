"""The options of the plugin, without starting anything; tests/integration runs the installed twistd."""

from mcpws.serving.config import ServiceConfig
from mcpws.tap import Options


def parsed(*arguments: str) -> Options:
    options = Options({})
    options.parseOptions(list(arguments))
    return options


def test_without_options_the_config_is_the_default_one() -> None:
    options = parsed()
    assert options.config == ServiceConfig()


def test_options_may_stand_in_the_environment() -> None:
    options = Options({"MCPWS_MAX_CONNECTIONS": "7"})
    options.parseOptions(["--max-depth", "8"])
    assert options.config == ServiceConfig(max_connections=7, max_depth=8)
