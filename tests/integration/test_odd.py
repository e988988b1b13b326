"""What functions take and return that is easily got wrong, with an App in a process of its own, in both eras of MCP."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from mcpws import RemoteError, Session, connect
from mcpws.client.opening import Era

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
ERAS: list[Era] = ["modern", "legacy"]
PICTURE = {"type": "image", "data": "cGljdHVyZQ==", "mimeType": "image/png"}


@pytest.fixture
def odd(serve: Serve, tmp_path: Path) -> Any:
    """The service; `docs` lies beside a file that is nobody's business."""
    shutil.copy(Path(__file__).parent / "servers" / "odd.py", tmp_path)
    (tmp_path / "docs" / "sub dir").mkdir(parents=True)
    (tmp_path / "docs" / "a b.txt").write_text("free")
    (tmp_path / "docs" / "sub dir" / "c.txt").write_text("free")
    (tmp_path / "secret.txt").write_text("secret")
    return serve("--app", "odd:app")


async def call(session: Session, tool: str, **arguments: Any) -> Any:
    return await session.request("tools/call", {"name": tool, "arguments": arguments, "_meta": {"progressToken": tool}})


@pytest.mark.parametrize("era", ERAS)
@ensureDeferred
async def test_templates_lead_nowhere_else(odd: Any, tmp_path: Path, era: Era) -> None:
    session = await connect(odd.url, era=era)
    for uri in ("docs://a%20b.txt", "docs://a b.txt", "all://sub%20dir/c.txt", "all://./a b.txt"):
        assert (await session.request("resources/read", {"uri": uri}))["contents"][0]["text"] == "free"
    for uri in (
        "docs://..%2Fsecret.txt",
        "docs://..%5Csecret.txt",
        "docs://%2e%2e%2fsecret.txt",
        "docs://%252e%252e%252fsecret.txt",
        "docs://..",
        "docs://a%00",
        "all://../secret.txt",
        "all://sub%20dir/..%2F../secret.txt",
        "all://%252e%252e/secret.txt",
        f"all://{tmp_path}/secret.txt",
    ):
        with pytest.raises(RemoteError, match="Resource not found"):
            await session.request("resources/read", {"uri": uri})
    for uri in ("a://My Größe/[1, 2.0]", "a://My%20Gr%C3%B6%C3%9Fe/%5B1%2C%202.0%5D"):
        assert (await session.request("resources/read", {"uri": uri}))["contents"][0]["text"] == "3"
    await session.close()


@pytest.mark.parametrize("era", ERAS)
@ensureDeferred
async def test_what_may_be_sent_is_taken(odd: Any, era: Era) -> None:
    session = await connect(odd.url, era=era)
    answer = await call(session, "integers", a=5.0, b=5.0, c=[5.0], d=5.0, e=5.0, f={"x": 5.0})
    assert answer["content"][0]["text"] == '[5,5,[5],5,5,{"x":5}]'
    assert (await call(session, "later", n=None))["structuredContent"] == {"n": None}
    taken = await call(session, "names", **{"__a": 1, "__init__": 2, "self": 3, "größe": 4})
    assert taken["structuredContent"] == {"result": 10}
    assert (await call(session, "pictures"))["content"] == [{"type": "text", "text": "one"}, PICTURE]
    album = await call(session, "album")
    rest = {"title": "one", "pictures": [{"type": "image", "mimeType": "image/png"}]}
    assert album["structuredContent"] == rest
    assert album["content"][1:] == [PICTURE]
    assert PICTURE["data"] not in album["content"][0]["text"]
    prompt = await session.request("prompts/get", {"name": "pick", "arguments": {"names": '["a", "b"]'}})
    assert prompt["messages"][0]["content"]["text"] == "a or b"
    assert (await call(session, "refused"))["structuredContent"]["result"] == [
        "is a generator, and a call has one result: return it instead",
        "is a generator, and a call has one result: return it instead",
        "JSON cannot stand for it: cannot be written as JSON: inf at `$`",
        "its default is none of its type's: Expected `int`, got `str`",
    ]
    await session.close()


@pytest.mark.parametrize("era", ERAS)
@ensureDeferred
async def test_what_may_not_be_sent_is_a_failure_of_the_server_that_its_log_names(odd: Any, era: Era) -> None:
    session = await connect(odd.url, era=era)
    if era == "legacy":
        await session.request("logging/setLevel", {"level": "debug"})
    defects = {
        "nothing": "odd.nothing returned what its outputSchema does not allow: $: Expected `int`, got `null`",
        "several": "odd.several returned what its outputSchema does not allow: $: Expected `object`, got `array`",
        "endless": "odd.endless returned what it may not: cannot be written as JSON: inf at `$`",
        "progressed": "TypeError: cannot be written as JSON: inf at `$.total`",
        "logged": "TypeError: cannot be written as JSON: nan at `$.data.a`",
    }
    if era == "modern":
        # No log messages unless they are asked for.
        del defects["logged"]
    for tool, said in defects.items():
        result = await call(session, tool)
        reference = result["content"][0]["text"].rpartition(" ")[2].rstrip(".")
        assert result["isError"]
        assert f"tool {tool} failed for " in odd.log()
        assert f", reference {reference}\n" in odd.log()
        assert said in odd.log()
    with pytest.raises(RemoteError, match="Internal error"):
        await session.request("resources/read", {"uri": "a://nan"})
    assert "odd.no_number returned what it may not: cannot be written as JSON: nan at `$.a`" in odd.log()
    assert (await call(session, "later"))["structuredContent"] == {"n": None}
    await session.close()
