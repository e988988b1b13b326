from itertools import product

import pytest

from mcpws.core.lifecycle import ChildState, ConnectionState, Phase, Stage, State
from mcpws.errors import IllegalTransition, InvalidParams, InvalidRequest
from mcpws.mcp.versions import LEGACY_VERSIONS

ARROWS = {
    "disconnected": "connecting",
    "connecting": "connected, reconnecting, shutting down, disconnected",
    "connected": "reconnecting, shutting down, disconnected",
    "reconnecting": "connecting, shutting down, disconnected",
    "shutting down": "disconnected",
}


@pytest.mark.parametrize(("before", "after"), list(product(ConnectionState, repeat=2)))
def test_a_connection_changes_along_the_arrows_only(before: ConnectionState, after: ConnectionState) -> None:
    if after.value in ARROWS[before.value].split(", "):
        assert before.to(after) is after
    else:
        with pytest.raises(IllegalTransition) as caught:
            before.to(after)
        assert (caught.value.before, caught.value.after) == (before.value, after.value)
        assert str(caught.value) == (f"a connection that is {before.value} cannot become {after.value}")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Phase.READY, Phase.NEW, "an initialisation that is ready cannot become new"),
        (Stage.OVER, Stage.SERVING, "a conversation that is over cannot become serving"),
        (Stage.FINISHING, Stage.AWAITED, "a conversation that is finishing cannot become awaited"),
        (ChildState.EXITED, ChildState.STOPPING, "a child process that is exited cannot become stopping"),
        (Stage.SERVING, ChildState.EXITED, "a conversation that is serving cannot become exited"),
        (ChildState.SERVING, Stage.SERVING, "a child process that is serving cannot become serving"),
    ],
)
def test_what_does_not_follow_is_refused_by_name(before: State, after: State, said: str) -> None:
    with pytest.raises(IllegalTransition) as caught:
        before.to(after)
    assert str(caught.value) == said


def test_every_state_can_still_end() -> None:
    for state in ConnectionState:
        seen = {state}
        while new := {next for one in seen for next in ConnectionState if next.value in ARROWS[one.value]} - seen:
            seen |= new
        assert ConnectionState.DISCONNECTED in seen


@pytest.mark.proves("A-5", "V-2", "mcp/2025-11-25/basic/lifecycle#initialize-first")
def test_the_first_request_is_initialize_or_ping() -> None:
    assert Phase.NEW.permit("ping", 1) is Phase.NEW
    assert Phase.NEW.permit("initialize", 1) is Phase.INITIALIZING
    with pytest.raises(InvalidParams) as caught:
        Phase.NEW.permit("tools/list", "7")
    path = "$._meta.io.modelcontextprotocol/protocolVersion"
    reason = "is required unless the first request is initialize"
    assert caught.value.message == f"Invalid params: {path}: {reason}"
    assert caught.value.data == {"path": path, "reason": reason}


@pytest.mark.proves("V-2", "mcp/2025-11-25/basic/lifecycle#only-ping-before-the-answer")
def test_only_ping_may_come_while_initialize_waits_for_its_answer() -> None:
    assert Phase.INITIALIZING.permit("ping", 1) is Phase.INITIALIZING
    with pytest.raises(InvalidRequest, match="Not initialized") as caught:
        Phase.INITIALIZING.permit("tools/list", 7)
    assert caught.value.id == 7
    assert caught.value.data == {
        "method": "tools/list",
        "reason": "initialize has not been answered yet",
    }


def test_anything_may_come_once_initialize_is_answered() -> None:
    phase = Phase.INITIALIZING.initialize_answered(True)
    assert phase is Phase.READY
    for method in ("ping", "tools/list", "anything"):
        assert phase.permit(method, 1) is Phase.READY


@pytest.mark.proves("V-3")
@pytest.mark.parametrize("phase", [Phase.INITIALIZING, Phase.READY])
def test_initialize_comes_once(phase: Phase) -> None:
    with pytest.raises(InvalidRequest, match="Already initialized") as caught:
        phase.permit("initialize", 2)
    assert caught.value.id == 2


@pytest.mark.proves("V-3")
def test_a_refused_initialize_may_be_tried_again() -> None:
    assert Phase.INITIALIZING.initialize_answered(False) is Phase.NEW


def test_versions_are_in_order_of_age() -> None:
    assert list(LEGACY_VERSIONS) == sorted(LEGACY_VERSIONS)
