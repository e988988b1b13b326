"""What is made of the descriptions: help, reference, schema, and a file with everything in it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mcpws.serving.config import ServiceConfig, service_settings
from mcpws.serving.reference import default_of, grouped, help_rows, json_schema, markdown, toml
from mcpws.serving.sources import read_settings
from mcpws.settings import settings_of

SETTINGS = service_settings()


def test_every_setting_is_in_one_group() -> None:
    found = [setting.name for _, settings in grouped(SETTINGS.values()) for setting in settings]
    assert found == list(SETTINGS)
    titles = [title for title, _ in grouped(SETTINGS.values())]
    assert len(set(titles)) == len(titles)


def test_help_tells_options_unit_default_and_whether_there_may_be_several() -> None:
    assert help_rows(SETTINGS["drain_seconds"]) == (
        "--drain-seconds SECONDS",
        "For requests in flight when the server stops. [default: 10 seconds]",
    )
    options, text = help_rows(SETTINGS["listen"])
    assert options == "-p, --listen, --port ENDPOINT|PORT"
    assert text.endswith(" May be given several times. [default: 8082]")
    options, text = help_rows(SETTINGS["hosts"])
    assert options == "--allow-host NAME"
    assert text.endswith("[default: none]")
    assert help_rows(SETTINGS["fast_lane"])[0] == "--fast-lane / --no-fast-lane"
    assert help_rows(SETTINGS["initialize_timeout"])[1].endswith("none to wait for ever. [default: 60 seconds]")


def section(name: str) -> str:
    """What the reference has of one setting."""
    page = markdown()
    return page[page.index(f"### `{name}`\n") :].partition("\n##")[0]


def test_the_reference_has_every_setting_with_all_its_names() -> None:
    for setting in SETTINGS.values():
        for name in (*(f"--{one}" for one in setting.spellings), *setting.variables, setting.path):
            assert f"`{name}`" in section(setting.name)
        assert f"| default | {default_of(setting)} |" in section(setting.name)


def test_the_reference_has_what_can_be_set_by_programs_alone() -> None:
    for name in set(settings_of(ServiceConfig)) - set(SETTINGS):
        assert "| option |" not in section(name)
        assert "| type |" in section(name)


def test_the_reference_tells_bounds_and_what_none_means() -> None:
    assert "| above | 0 |\n" in section("initialize_timeout")
    assert "| or | `none`, in Python `None`, to wait for ever |\n" in section("initialize_timeout")
    assert "| above | `heartbeat_interval`, unless it is 0 |\n" in section("heartbeat_timeout")
    assert "| least | 1 |\n" in section("max_connections")
    assert "| type | whole number of bytes |\n" in section("max_message_size")


def test_the_reference_means_its_stars() -> None:
    assert "chrome-extension://\\*; \\* for any" in section("origins")


def test_the_schema_names_every_key_and_no_other() -> None:
    schema = json_schema()
    json.dumps(schema, allow_nan=False)
    assert not schema["additionalProperties"]
    servers = schema["properties"].pop("servers")
    paths = [f"{table}.{key}" for table, content in schema["properties"].items() for key in content["properties"]]
    assert paths == [setting.path for setting in SETTINGS.values()]
    assert all(not content["additionalProperties"] for content in schema["properties"].values())
    connections = schema["properties"]["limits"]["properties"]["max_connections"]
    assert (connections["type"], connections["minimum"], connections["default"]) == ("integer", 1, 100)
    one = servers["additionalProperties"]
    assert not one["additionalProperties"]
    assert one["properties"].keys() >= {"command", "args", "env", "url", "app", "disabled", "mode", "limits"}
    assert one["properties"]["limits"] == schema["properties"]["limits"]
    assert not one["properties"].keys() & {"server", "admin", "log", "listen", "servers"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)


@given(
    st.builds(
        ServiceConfig,
        stdio=st.none() | st.lists(TEXTS, min_size=1).map(tuple),
        max_connections=st.integers(1, 2**63 - 1),
        timeout_seconds=st.none() | st.floats(min_value=0, exclude_min=True),
        paths=st.lists(TEXTS.map("/{}".format)).map(tuple),
        compression=st.booleans(),
        log_format=st.sampled_from(["text", "json"]),
    )
)
def test_what_is_shown_is_a_file_that_gives_the_same(config: ServiceConfig) -> None:
    values = tomllib.loads(toml(config, {}))
    for setting in SETTINGS.values():
        value = getattr(config, setting.name)
        if value is not None or setting.none:
            assert setting.from_toml(values[setting.table][setting.key], "") == value


def test_what_is_shown_tells_where_it_is_from_and_no_secrets(tmp_path: Path) -> None:
    file = tmp_path / "mcpws.toml"
    file.write_text("[stdio]\ncommand = 'cat'\nenv = { TOKEN = 'secret' }\n")
    reading = read_settings([("--config", str(file)), ("--max-depth", "7")], {"MCPWS_COMPRESSION": "on"})
    shown = toml(reading.config(), reading.sources)
    assert "max_depth = 7  # --max-depth\n" in shown
    assert "compression = true  # MCPWS_COMPRESSION\n" in shown
    assert f'command = ["cat"]  # {file}: stdio.command\n' in shown
    assert "max_waiting = 64  # default\n" in shown
    assert f"# env = TOKEN=...  # {file}: stdio.env\n" in shown
    assert "# max_children = a quarter more than --max-connections  # default\n" in shown
    assert "secret" not in shown
    tomllib.loads(shown)
