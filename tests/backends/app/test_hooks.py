from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from msgspec import Raw

from mcpws.backends.app.arguments import Arguments
from mcpws.backends.app.signature import Signature
from mcpws.backends.app.tools import Tool
from mcpws.errors import ConfigError, InvalidParams
from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.content import Text

PATH = {"type": "string", "format": "path"}


@dataclass
class Copy:
    source: Path
    others: list[PurePosixPath] | None = None


def copy(copy: Copy, to: Path = Path("a"), *, over: Path | None = None) -> Path:
    return to


def test_paths_are_strings_to_clients() -> None:
    schema = Arguments(Signature(copy)).schema
    assert schema["properties"]["to"] == {**PATH, "default": "a"}
    assert schema["properties"]["over"] == {"anyOf": [{"type": "null"}, PATH], "default": None}
    assert schema["$defs"]["Copy"]["properties"]["source"] == PATH


def test_and_paths_to_functions() -> None:
    arguments = Arguments(Signature(copy))
    values = arguments.decode(Raw(b'{"copy": {"source": "/b", "others": ["c"]}, "over": "d"}'), "$")
    assert values == (Copy(Path("/b"), [PurePosixPath("c")]), Path("a"), Path("d"))

    def read(path: Path) -> str:
        return ""

    assert Arguments(Signature(read)).convert({"path": "/a/b"}, "$") == (Path("/a/b"),)


@pytest.mark.parametrize("given", [b"1", b"null", b"true", b"1.5", b"[]", b"{}"])
def test_what_is_no_string_is_no_path(given: bytes) -> None:
    with pytest.raises(InvalidParams) as caught:
        Arguments(Signature(copy)).decode(Raw(b'{"copy": {"source": %b}}' % given), "$")
    assert caught.value.data["path"] == "$.copy.source"
    assert caught.value.data["reason"].startswith("Expected `str`, got `")


def test_a_path_that_is_returned_is_text() -> None:
    tool = Tool(copy)
    result = tool.result(Path("/a"))
    assert (result.content, bytes(result.structured)) == ([Text("/a")], b'{"result":"/a"}')
    with pytest.raises(TypeError, match="outputSchema does not allow"):
        tool.result(5)


@pytest.mark.parametrize("value", [Path("/a"), [Path("/a")], {"a": Path("/a"), "b": None}, Copy(Path("/a"))])
def test_paths_are_written_wherever_they_are(value: Any) -> None:
    assert b'"/a"' in bytes(to_raw(value))


def test_a_default_that_is_no_path_is_refused() -> None:
    def read(path: Path = 5) -> None:  # type: ignore[assignment]
        ...

    with pytest.raises(ConfigError, match=r"its default is none of its type's: Expected `str`, got `int`"):
        Tool(read)
