"""The states in the page on the architecture are those of the tables, and every state is one that can be reached."""

from itertools import groupby

import pytest

from mcpws.core.lifecycle import FOLLOWING, OF_WHAT, ChildState, ConnectionState, Phase, Stage, State
from tests.docs.snippets import ROOT

ARCHITECTURE = (ROOT / "docs" / "design" / "architecture.md").read_text()
FIRST = {
    ConnectionState: ConnectionState.DISCONNECTED,
    Phase: Phase.NEW,
    Stage: Stage.BEGINNING,
    ChildState: ChildState.SERVING,
}
UNUSED = {ConnectionState.RECONNECTING}


def diagram(kind: type[State]) -> str:
    """The states of one kind as text: a line for each arrow, and when it is taken."""
    arrows = [(before, after, when) for before in kind for after, when in FOLLOWING[before].items()]
    width = max(len(one.value) for one in kind)
    lines = []
    for before, group in groupby(arrows, lambda arrow: arrow[0]):
        for number, (_, after, when) in enumerate(group):
            name = before.value if number == 0 else ""
            lines.append(f"{name:{width}} ──> {after.value:{width}}  {when.replace('`', '')}")
    return "\n".join(["```text", *lines, "```"])


@pytest.mark.parametrize("kind", OF_WHAT)
def test_the_page_shows_the_states_as_the_table_has_them(kind: type[State]) -> None:
    assert diagram(kind) in ARCHITECTURE, f"docs/design/architecture.md is to have:\n{diagram(kind)}"


def test_every_state_has_a_row_and_every_kind_a_name() -> None:
    assert set(FOLLOWING) == {state for kind in OF_WHAT for state in kind}
    assert set(OF_WHAT) == set(State.__subclasses__()) == set(FIRST)


@pytest.mark.parametrize("kind", OF_WHAT)
def test_no_arrow_leads_to_another_kind_and_every_state_is_reached(kind: type[State]) -> None:
    reached: set[State] = {FIRST[kind]}
    for _ in kind:
        reached |= {after for before in reached for after in FOLLOWING[before]}
    assert reached == set(kind)


def test_what_no_code_enters_yet_is_said_to_be_so() -> None:
    sources = [path.read_text() for path in (ROOT / "mcpws").rglob("*.py") if path.name != "lifecycle.py"]
    entered = {state for state in FOLLOWING if any(str(state) in source for source in sources)}
    assert set(FOLLOWING) - entered == UNUSED
    assert all(f"Nothing enters *{state.value}* yet" in ARCHITECTURE for state in UNUSED)
