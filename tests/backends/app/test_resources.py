from typing import Any

import msgspec
import pytest

from mcpws.backends.app.resources import Resource
from mcpws.errors import ConfigError
from mcpws.mcp.content import Audio, Image, ResourceContents


def read(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def settings() -> str:
    """How it is set."""
    return ""


def user(name: str, age: int = 0) -> str:
    return name


def test_a_resource_is_defined_by_its_function() -> None:
    resource = Resource("app://settings", settings)
    assert not resource.is_template
    assert read(resource.definition) == {
        "name": "settings",
        "uri": "app://settings",
        "description": "How it is set.",
    }


def test_what_is_given_goes_before_what_the_function_says() -> None:
    resource = Resource(
        "app://settings", settings, name="s", title="Settings", description="All.", mime_type="text/toml"
    )
    assert read(resource.definition) == {
        "name": "s",
        "uri": "app://settings",
        "title": "Settings",
        "description": "All.",
        "mimeType": "text/toml",
    }


def test_variables_make_it_a_template() -> None:
    resource = Resource("app://users/{name}", user)
    assert resource.is_template
    assert read(resource.definition) == {"name": "user", "uriTemplate": "app://users/{name}"}
    assert resource.arguments.convert({"name": "Bo"}, "$.uri") == ("Bo", 0)


def test_every_variable_is_a_parameter() -> None:
    with pytest.raises(ConfigError, match=r"settings: does not take name, which the URI template has"):
        Resource("app://{name}", settings)


@pytest.mark.parametrize("uri", ["app://users", "app://users/{age}"])
def test_every_parameter_without_a_default_is_a_variable(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"user, parameter name: must have a default or be in the URI template"):
        Resource(uri, user)


@pytest.mark.parametrize(
    ("mime_type", "value", "contents"),
    [
        (None, "a", [{"text": "a", "mimeType": "text/plain"}]),
        ("text/toml", "a", [{"text": "a", "mimeType": "text/toml"}]),
        (None, b"a", [{"blob": "YQ==", "mimeType": "application/octet-stream"}]),
        ("image/png", b"a", [{"blob": "YQ==", "mimeType": "image/png"}]),
        (None, {"a": [1]}, [{"text": '{"a":[1]}', "mimeType": "application/json"}]),
        (None, [], [{"text": "[]", "mimeType": "application/json"}]),
        ("application/x-a", 1, [{"text": "1", "mimeType": "application/x-a"}]),
    ],
)
def test_a_value_becomes_the_contents(mime_type: str | None, value: Any, contents: list[dict[str, Any]]) -> None:
    resource = Resource("app://settings", settings, mime_type=mime_type)
    expected = [{"uri": "app://x", **one} for one in contents]
    assert read(resource.result("app://x", value)) == {"contents": expected}


def test_contents_are_passed_as_they_are() -> None:
    resource = Resource("app://settings", settings, mime_type="text/toml")
    one = ResourceContents("app://a", text="a")
    two = ResourceContents("app://b", blob=b"b")
    assert resource.result("app://x", one).contents == [one]
    assert resource.result("app://x", [one, two]).contents == [one, two]


@pytest.mark.parametrize(
    ("value", "mime_type"), [(Image(b"a", "image/png"), "image/png"), (Audio(b"a", "audio/wav"), "audio/wav")]
)
def test_a_picture_or_a_sound_is_what_is_in_it(value: Image | Audio, mime_type: str) -> None:
    contents = [{"uri": "app://x", "blob": "YQ==", "mimeType": mime_type}]
    assert read(Resource("app://settings", settings).result("app://x", value)) == {"contents": contents}


def test_a_number_that_json_does_not_have_is_a_defect_by_name() -> None:
    with pytest.raises(TypeError, match=r"\.settings returned what it may not: .* nan at `\$\[0\]`"):
        Resource("app://settings", settings).result("app://x", [float("nan")])


def test_a_value_that_is_no_json_is_a_defect() -> None:
    with pytest.raises(TypeError):
        Resource("app://settings", settings).result("app://settings", object())
