"""Every feature of MCP, with the official client of version 2 in each of its modes, at two servers.

The servers are the demo, and behind `--stdio` the legacy server-everything that nobody here wrote. A client of each
mode uses all features of each of them once, and what passes on both sides of the service is noted. Each test then looks
at one feature: so each is seen at both servers and in all modes.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.soak]

HERE = Path(__file__).parent
EAVESDROP = HERE / "servers" / "eavesdrop.py"
CLIENT_SECONDS = 90
MODERN, LEGACY = "2026-07-28", "2025-11-25"
MODES = {"automatic": "auto", "legacy": "legacy", "modern": MODERN}
SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"

Params = dict[str, Any]


class Notes:
    """What passed between a client and a server, in order."""

    def __init__(self, path: Path) -> None:
        self.passed: list[tuple[str, Params]] = [tuple(json.loads(line)) for line in path.read_text().splitlines()]

    def first(self, sender: str, method: str, **params: object) -> int:
        """Where `sender` sent the first of these that has such parameters."""
        return self.all(sender, method, **params)[0]

    def all(self, sender: str, method: str, **params: object) -> list[int]:
        """Where `sender` sent these, with such parameters."""
        return [
            index
            for index, (who, message) in enumerate(self.passed)
            if who == sender and message.get("method") == method and params.items() <= message.get("params", {}).items()
        ]

    def message(self, index: int) -> Params:
        return self.passed[index][1]

    def answer(self, asked: int) -> int | None:
        """Where the request at `asked` was answered, None if it was not."""
        asker, request = self.passed[asked]
        for index, (who, message) in enumerate(self.passed[asked:], asked):
            if who != asker and "method" not in message and message["id"] == request["id"]:
                return index
        return None

    def reports(self, asked: int) -> list[int]:
        """Where progress of the request at `asked` was told."""
        token = self.message(asked)["params"]["_meta"]["progressToken"]
        return [index for index in self.all("server", "notifications/progress", progressToken=token) if index > asked]


@dataclass(frozen=True)
class Expected:
    """What is different in the two servers."""

    tools: set[str]
    echoed: str
    sum: str
    reports: list[int]
    reported: str
    work: tuple[str, Params]
    asked: str
    asks: str
    fields: set[str]
    accepted: str
    declined: tuple[str, bool]
    changes: list[str]
    list_changed: str


EXPECTED = {
    "demo": Expected(
        tools={"echo", "add", "countdown", "ask_user", "toggle_tool"},
        echoed="one",
        sum="5",
        reports=[0, 1, 2, 3, 4],
        reported="0.4 seconds in 4 steps",
        work=("countdown", {"seconds": 60, "steps": 600}),
        asked="ask_user",
        asks="Your name?",
        fields={"answer"},
        accepted="Ada",
        declined=("The user gave no answer: decline", True),
        changes=["mcpws://statistics", "tools_list_changed"],
        list_changed="tools",
    ),
    "everything": Expected(
        tools={"echo", "get-sum", "trigger-long-running-operation", "trigger-elicitation-request"},
        echoed="Echo: one",
        sum="The sum of 2 and 3 is 5.",
        reports=[1, 2, 3, 4],
        reported="Long running operation completed. Duration: 0.4 seconds, Steps: 4.",
        work=("trigger-long-running-operation", {"duration": 2, "steps": 8}),
        asked="trigger-elicitation-request",
        asks="Please provide inputs for the following fields:",
        fields={"name", "check", "integer"},
        accepted="Name: Ada\n- Agreed to terms: true\n- Favorite Integer: 7",
        declined=("User declined to provide the requested information.", False),
        changes=["demo://resource/dynamic/text/1", "resources_list_changed"],
        list_changed="resources",
    ),
}


@dataclass(frozen=True)
class Seen:
    """What one client saw, and what passed between it and the service, and behind that."""

    server: str
    version: str
    facts: Params
    front: Notes
    behind: Notes | None

    @property
    def modern(self) -> bool:
        return self.version == MODERN

    @property
    def expected(self) -> Expected:
        return EXPECTED[self.server]

    def feature(self, name: str) -> Params:
        facts: Params = self.facts[name]
        assert "failed" not in facts, facts["failed"]
        return facts


@pytest.fixture(
    scope="module",
    params=[(server, mode) for server in EXPECTED for mode in MODES],
    ids=lambda param: "-".join(param),
)
def seen(
    request: pytest.FixtureRequest,
    serve_the_module: Callable[..., Any],
    sdk2: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    server, mode = request.param
    folder = tmp_path_factory.mktemp("notes")
    front, behind = folder / "front", folder / "behind"
    if server == "demo":
        service = serve_the_module()
    else:
        node = request.getfixturevalue("node")
        service = serve_the_module(
            "--stdio", f"{sys.executable} {EAVESDROP} {behind} npx --prefix {node} mcp-server-everything"
        )
    bridge = [sys.executable, "-m", "mcpws.cli", "connect", service.url]
    ended = subprocess.run(
        [
            *(sdk2 / "python", HERE / "foreign" / "features_client.py", server, MODES[mode]),
            *(sys.executable, EAVESDROP, front, *bridge),
        ],
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr + service.log()
    facts = json.loads(ended.stdout)
    assert "Traceback" not in service.log(), service.log()
    return Seen(server, facts["version"], facts, Notes(front), Notes(behind) if behind.exists() else None)


def test_the_client_and_the_service_settle_on_the_era_of_the_mode(seen: Seen, request: pytest.FixtureRequest) -> None:
    legacy = "legacy" in request.node.callspec.id
    assert seen.version == (LEGACY if legacy else MODERN)
    assert bool(seen.front.all("client", "initialize")) is legacy


def test_tools(seen: Seen) -> None:
    tools, expected = seen.feature("tools"), seen.expected
    assert expected.tools <= set(tools["listed"])
    assert set(tools["schemas"]) == {"object"}
    assert (tools["echoed"], tools["sum"]) == (expected.echoed, expected.sum)
    unknown, misfit = tools["unknown"], tools["bad arguments"]
    # server-everything has a result for that, too.
    assert unknown["is_error"] if seen.server == "everything" else unknown["code"] == -32602
    assert "no-such-tool" in (unknown.get("text") or unknown["message"])
    assert misfit["is_error"]
    assert "b" in misfit["text"]


def test_progress(seen: Seen) -> None:
    steps = [["progress", done, 4] for done in seen.expected.reports]
    assert seen.feature("progress")["events"] == [*steps, ["answer", seen.expected.reported]]
    asked = seen.front.first("client", "tools/call", name=seen.expected.work[0])
    answered = seen.front.answer(asked)
    assert answered is not None
    reports = seen.front.reports(asked)
    assert len(reports) == len(steps)
    assert reports[-1] < answered


def test_cancellation(seen: Seen) -> None:
    cancellation = seen.feature("cancellation")
    assert cancellation["cancelled"]
    assert cancellation["late reports"] == []
    assert cancellation["echoed"] == seen.expected.echoed
    name, arguments = seen.expected.work
    asked = seen.front.first("client", "tools/call", name=name, arguments=arguments)
    id = seen.front.message(asked)["id"]
    cancelled = seen.front.first("client", "notifications/cancelled", requestId=id)
    reports = seen.front.reports(asked)
    # One may have been on its way.
    assert reports[0] < cancelled
    assert reports[-1] <= cancelled + 1
    assert seen.front.answer(asked) is None
    if seen.behind is None:
        assert cancellation["stopped"] == {"running": 0, "finished": 1, "cancelled": 1}
    else:
        # It hears of the cancellation, under the id that the request has there, but its operation takes no notice: it
        # goes on to the last step. Nothing of that reaches the client, and there is no answer.
        asked_behind = seen.behind.first("client", "tools/call", name=name, arguments=arguments)
        id_behind = seen.behind.message(asked_behind)["id"]
        cancelled_behind = seen.behind.first("client", "notifications/cancelled", requestId=id_behind)
        late = [index for index in seen.behind.reports(asked_behind) if index > cancelled_behind]
        assert seen.behind.message(late[-1])["params"]["progress"] == arguments["steps"]
        assert seen.behind.answer(asked_behind) is None


def test_elicitation(seen: Seen) -> None:
    elicitation, expected = seen.feature("elicitation"), seen.expected
    assert [form["message"] for form in elicitation["forms"]] == [expected.asks] * 2
    assert all(expected.fields <= set(form["fields"]) for form in elicitation["forms"])
    accepted, declined = elicitation["accepted"], elicitation["declined"]
    assert expected.accepted in accepted["text"]
    assert not accepted["is_error"]
    assert expected.declined[0] in declined["text"]
    assert declined["is_error"] is expected.declined[1]
    calls = seen.front.all("client", "tools/call", name=expected.asked)
    answers = [seen.front.message(index) for call in calls if (index := seen.front.answer(call)) is not None]
    required = [answer["result"].get("resultType") == "input_required" for answer in answers if "result" in answer]
    requests = seen.front.all("server", "elicitation/create")
    if seen.modern:
        # Each call is made again with its answer.
        assert required[:4] == [True, False] * 2
        assert requests == []
    else:
        assert not any(required)
        assert len(requests) == 2


def test_what_a_client_cannot_be_asked_for_is_told(seen: Seen) -> None:
    asked = seen.feature("undeclared")["asked"]
    if seen.server == "everything":
        # It offers no tool that asks to who cannot answer.
        assert asked["is_error"]
        assert "not found" in asked["text"]
    elif seen.modern:
        assert asked["code"] == -32021
        assert asked["data"] == {"requiredCapabilities": {"elicitation": {}}}
    else:
        assert asked["is_error"]
        assert asked["text"].startswith("the client did not declare the capability elicitation")


def test_subscriptions(seen: Seen) -> None:
    subscriptions, expected = seen.feature("subscriptions"), seen.expected
    assert subscriptions["heard"] == expected.changes
    assert subscriptions["read"] == 1
    assert subscriptions["late"] == []
    uri = expected.changes[0]
    updated = seen.front.all("server", "notifications/resources/updated", uri=uri)
    listed = seen.front.all("server", f"notifications/{expected.list_changed}/list_changed")
    if seen.modern:
        assert subscriptions["honoured"] == {
            f"{expected.list_changed}_list_changed": True,
            "resource_subscriptions": [uri],
        }
        begun = seen.front.first("client", "subscriptions/listen")
        id = seen.front.message(begun)["id"]
        ended = seen.front.first("client", "notifications/cancelled", requestId=id)
        acknowledged = seen.front.first("server", "notifications/subscriptions/acknowledged")
        for index in (acknowledged, *updated, *listed):
            assert seen.front.message(index)["params"]["_meta"][SUBSCRIPTION_ID] == id
    else:
        begun = seen.front.first("client", "resources/subscribe", uri=uri)
        ended = seen.front.first("client", "resources/unsubscribe", uri=uri)
        assert "result" in seen.front.message(seen.front.answer(begun) or 0)
        acknowledged = begun
    assert all(acknowledged < index <= ended + 1 for index in updated)
    assert any(acknowledged < index < ended for index in listed)
