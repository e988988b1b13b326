"""What a started server says of itself."""

from pathlib import Path
from typing import Any

import pytest

from mcpws import App, WebSocketConfig
from mcpws.seam.interfaces import Description
from mcpws.serving.welcome import OwnCommand, own_command, welcome

SCRIPT = OwnCommand(("/home/me/demo/.venv/bin/mcpws",), ".venv/bin/mcpws")
CALCULATOR = Description("calculator", "calculator 1.0: 2 tools, 1 prompt")

PAGES = "web pages: those of this machine"

WHOLE = """\
calculator 1.0: 2 tools, 1 prompt (tools.py)

    ws://127.0.0.1:8082/         ws://127.0.0.1:8082/mcp
    ws://127.0.0.1:8082/ws       ws://127.0.0.1:8082/message

Who may connect: this machine alone; web pages: those of this machine

In another terminal:
    .venv/bin/mcpws tools ws://127.0.0.1:8082

In the configuration of a desktop host:
    {
      "mcpServers": {
        "calculator": {
          "command": "/home/me/demo/.venv/bin/mcpws",
          "args": ["connect", "ws://127.0.0.1:8082"]
        }
      }
    }

Ctrl-C ends it."""


def text(*urls: str, served: Description = CALCULATOR, command: OwnCommand = SCRIPT, **settings: Any) -> str:
    config = WebSocketConfig(**settings)
    return welcome(served, urls or ("ws://127.0.0.1:8082",), config, command, "tools.py")


def test_the_whole_text_fits_a_screen() -> None:
    assert text() == WHOLE
    assert len(WHOLE.splitlines()) < 24
    assert max(map(len, WHOLE.splitlines())) <= 80


def test_the_page_to_try_it_in_is_named_to_this_machine() -> None:
    def lines(url: str) -> list[str]:
        config = WebSocketConfig()
        return welcome(CALCULATOR, [url], config, SCRIPT, "tools.py", page="/playground").splitlines()

    at = lines("ws://127.0.0.1:8082").index("In another terminal, or in a browser:")
    assert lines("ws://127.0.0.1:8082")[at + 2] == "    http://127.0.0.1:8082/playground"
    assert "    https://localhost:8082/playground" in lines("wss://localhost:8082")
    assert len(lines("ws://127.0.0.1:8082")) < 24
    assert not any("playground" in line for line in lines("ws://example.com:8082") + lines("unix:/run/mcpws.sock"))


def test_long_urls_have_a_line_each_and_many_are_counted() -> None:
    urls = [f"wss://a-rather-long-name-{number}.example.com:8443" for number in range(3)]
    lines = text(*urls, hosts=tuple(url[6:-5] for url in urls)).splitlines()
    assert "    wss://a-rather-long-name-0.example.com:8443/mcp" in lines
    assert "    and 4 more" in lines
    assert len(lines) < 32


def test_a_server_without_the_root_path_is_called_by_another() -> None:
    said = text(paths=("/mcp",))
    assert "mcpws tools ws://127.0.0.1:8082/mcp\n" in said
    assert '"args": ["connect", "ws://127.0.0.1:8082/mcp"]' in said


def test_a_unix_socket_is_shown_without_what_cannot_be_done_with_it() -> None:
    lines = text("unix:/run/mcpws.sock").splitlines()
    assert "    unix:/run/mcpws.sock" in lines
    assert not any("tools" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("url", "settings", "who"),
    [
        ("ws://127.0.0.1:1", {}, f"this machine alone; {PAGES}"),
        ("ws://[::1]:1", {}, f"this machine alone; {PAGES}"),
        ("ws://192.168.1.5:1", {}, f"this machine alone, until --allow-host names what others call it; {PAGES}"),
        ("ws://a.example:1", {"hosts": ("a.example",)}, f"this machine, and whoever calls it a.example; {PAGES}"),
        ("ws://127.0.0.1:1", {"hosts": ("*",)}, f"whoever reaches it, by any name; {PAGES}"),
        ("ws://127.0.0.1:1", {"origins": ("https://b.example",)}, f"this machine alone; {PAGES}, https://b.example"),
        ("ws://127.0.0.1:1", {"origins": ("*",)}, "this machine alone; web pages: any"),
        ("ws://127.0.0.1:1", {"require_origin": True}, f"this machine alone, with an Origin; {PAGES}"),
    ],
)
def test_it_says_who_may_connect(url: str, settings: dict[str, Any], who: str) -> None:
    assert f"\nWho may connect: {who}\n" in text(url, **settings)


def test_the_name_in_the_host_block_is_one_word() -> None:
    assert '"My-server-2"' in text(served=Description("My server, 2!", "x"))
    assert '"mcpws"' in text(served=Description("???", "x"))


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    for name in ("mcpws", "python"):
        (folder / name).touch(0o755)
    return folder


def test_the_command_is_typed_as_it_can_be_found(venv: Path, tmp_path: Path) -> None:
    script, python = str(venv / "mcpws"), str(venv / "python")

    def typed(here: Path, on_path: str | None = None) -> str:
        command = own_command(script, python, str(here), on_path)
        assert command.words == (script,)
        return command.typed

    assert typed(tmp_path, script) == "mcpws"
    assert typed(tmp_path) == "venv/bin/mcpws"
    assert typed(tmp_path, "/usr/bin/mcpws") == "venv/bin/mcpws"
    assert typed(venv) == "./mcpws"
    assert typed(Path("/")) == script.removeprefix("/")
    assert typed(Path("/elsewhere")) == script


def test_a_module_has_the_command_beside_its_python_or_is_called_as_one(venv: Path, tmp_path: Path) -> None:
    python = str(venv / "python")
    assert own_command("/x/mcpws/__main__.py", python, "/", None).words == (str(venv / "mcpws"),)
    (venv / "mcpws").unlink()
    command = own_command("/x/mcpws/__main__.py", python, str(tmp_path), None)
    assert command == OwnCommand((python, "-m", "mcpws"), "venv/bin/python -m mcpws")
    assert f'"command": "{python}"' in text(command=command)
    assert '"args": ["-m", "mcpws", "connect", "ws://127.0.0.1:8082"]' in text(command=command)


def test_what_a_shell_would_split_is_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "mcpws").touch(0o755)
    assert own_command(str(folder / "mcpws"), "/python", str(tmp_path), None).typed == "'a folder/mcpws'"


def test_an_app_describes_itself_by_what_it_has() -> None:
    app = App("calculator", "1.0")
    assert app.described() == Description("calculator", "calculator 1.0: nothing yet")

    def text(b: str = "") -> str:
        return b

    app.tool(name="a")(text)
    app.tool(name="b")(text)
    app.resource("a://{b}")(text)
    app.resource("a://b")(lambda: "")
    app.prompt(text)
    assert app.described().summary == "calculator 1.0: 2 tools, 1 resource, 1 template, 1 prompt"


def test_each_of_several_servers_has_a_url_of_its_own() -> None:
    servers = ["/servers/time", "/servers/broken  (not available: the log says why)", *map(str, range(9))]
    lines = welcome(CALCULATOR, ["ws://127.0.0.1:8082"], WebSocketConfig(), SCRIPT, None, servers).splitlines()
    at = lines.index("Each server by itself:")
    assert lines[at + 1 : at + 3] == [
        "    ws://127.0.0.1:8082/servers/time",
        "    ws://127.0.0.1:8082/servers/broken  (not available: the log says why)",
    ]
    assert "    and 3 more" in lines
