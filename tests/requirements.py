"""What the tests prove: every clause of docs/binding.md, and every section and page of others that is relied on.

The tables are in `tests/manifest`; `tests/test_requirements.py` sees to it that they have no gap on either side.
"""

from dataclasses import dataclass

from tests.manifest.binding import BINDING
from tests.manifest.mcp import MCP
from tests.manifest.websocket import WEBSOCKET


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that has to be so.

    :param id: of a clause, as `H-1`; else `rfc6455/5.1/...` or `mcp/2025-11-25/basic/...#...`.
    :param source: where it is written: a file here, or an address.
    :param says: what it says, in one sentence.
    :param tests: that fail if it is not so, as `tests/file.py::test_function`.
    """

    id: str
    source: str
    says: str
    tests: tuple[str, ...]

    @property
    def is_clause(self) -> bool:
        """Whether it is one of docs/binding.md."""
        return "/" not in self.id


def source_of(id: str) -> str:
    """Where the requirement `id` is written."""
    kind, _, rest = id.partition("/")
    if not rest:
        return "docs/binding.md"
    if kind == "mcp":
        page, _, _ = rest.partition("#")
        return f"https://modelcontextprotocol.io/specification/{page}"
    section, _, _ = rest.partition("/")
    return f"https://www.rfc-editor.org/rfc/{kind}" + ("" if section == "all" else f"#section-{section}")


REQUIREMENTS = tuple(
    Requirement(id, source_of(id), says, tuple(tests))
    for part in (BINDING, WEBSOCKET, MCP)
    for id, (says, *tests) in part.items()
)
