"""What an answer to `server/discover` says of a server, and to whom."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from mcpws.errors import RemoteError
from mcpws.jsonrpc.messages import Answer, Error, ErrorObject, Result, to_raw
from mcpws.mcp.discovery import PROBE_PARAMS, read_discovery, spoken_instead, tells_modern, unfit
from mcpws.mcp.meta import PREFIX
from mcpws.mcp.versions import MODERN_VERSIONS


def result(**members: Any) -> Answer:
    return Result(1, to_raw(members))


def refusal(data: Any = UNSET, code: int = -32022) -> Answer:
    return Error(1, ErrorObject(code, "no", data if data is UNSET else to_raw(data)))


NEWEST = MODERN_VERSIONS[-1]


def test_a_server_is_asked_in_the_newest_version() -> None:
    meta = msgspec.json.decode(PROBE_PARAMS)["_meta"]
    assert meta[f"{PREFIX}protocolVersion"] == NEWEST
    assert meta[f"{PREFIX}clientCapabilities"] == {}


@pytest.mark.parametrize(
    ("answer", "modern", "problem"),
    [
        (result(supportedVersions=[NEWEST], capabilities={}), True, None),
        (result(supportedVersions=["2025-11-25", NEWEST]), True, None),
        (result(supportedVersions=["2027-01-01"]), True, "serves only 2027-01-01"),
        (result(supportedVersions=["2025-11-25"]), False, "serves only 2025-11-25"),
        (result(supportedVersions=[]), False, "serves only nothing"),
        (result(supportedVersions=[NEWEST], capabilities=[]), False, None),
        (result(supportedVersions=[NEWEST], capabilities=None, instructions=None), True, None),
        (result(supportedVersions=NEWEST), False, "answered server/discover with something else: "),
        (result(), False, "answered server/discover with something else: "),
        (refusal(code=-32601), False, "does not know server/discover: no (code -32601)"),
        (refusal({"supported": [NEWEST]}, code=-32601), False, "does not know server/discover: no (code -32601)"),
        (refusal(), True, "does not serve this protocol version: no (code -32022)"),
        (refusal([]), True, "does not serve this protocol version: "),
        (refusal({"supported": []}), True, "does not serve this protocol version: "),
        (refusal({"supported": ["2025-11-25"]}), False, "does not serve this protocol version: "),
        (refusal({"supported": ["2027-01-01"]}), True, "does not serve this protocol version: "),
    ],
)
def test_odd_answers_are_judged_by_who_needs_what(answer: Answer, modern: bool, problem: str | None) -> None:
    assert tells_modern(answer) is modern
    found = unfit(answer)
    assert found == problem if problem is None else (found or "").startswith(problem)
    assert (read_discovery(answer) is not None) is (modern and isinstance(answer, Result))


def test_what_is_only_passed_on_is_not_decoded() -> None:
    found = read_discovery(
        Result(1, Raw(b'{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"x": 1e999}}}'))
    )
    assert found is not None
    assert found.capabilities == {"tools": Raw(b'{"x": 1e999}')}


def test_a_refused_version_comes_with_those_that_are_spoken() -> None:
    assert spoken_instead(RemoteError(-32022, "no", {"supported": ["1", "2"], "requested": "3"})) == ("1", "2")


@pytest.mark.parametrize(
    "error",
    [
        RemoteError(-32601, "no", {"supported": ["1"]}),
        RemoteError(-32022, "no"),
        RemoteError(-32022, "no", ["1"]),
        RemoteError(-32022, "no", {"supported": []}),
        RemoteError(-32022, "no", {"supported": [1]}),
    ],
)
def test_other_errors_say_nothing_of_versions(error: RemoteError) -> None:
    assert spoken_instead(error) is None
