"""The architecture as a check: who may import whom, who may read a clock, how long a file gets."""

import ast
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From left to right: a module imports its own layer and those to its left.
LAYERS = (
    ("errors", "version"),
    ("jsonrpc",),
    ("mcp",),
    ("core",),
    ("policy",),
    ("kinds",),
    ("settings",),
    ("config",),
    ("seam",),
    ("log",),
    ("turns",),
    ("http",),
    ("fronts",),
    ("ws",),
    ("service",),
    ("client",),
    ("recording",),
    ("backends",),
    ("admin",),
    ("transport", "serving", "testing"),
    ("tap", "cli", "__main__", "api"),
)

# A backend knows none of the others.
SIBLINGS = ("backends",)

# Of these folders neither knows the other.
APART = ("mcpws.backends.eras.for_legacy", "mcpws.backends.eras.for_modern")

# Names that hold a state which changes belong to an object that somebody owns; one that is the process's is named here.
STATELESS = LAYERS[: LAYERS.index(("turns",))]
MUTATING = ("add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update")

RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

# These do no I/O, are told the time and are handed their randomness.
PURE = ("jsonrpc", "mcp", "core", "policy")
IMPURE = (
    "twisted",
    "txaio",
    "asyncio",
    "socket",
    "time",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
)
OWN_RANDOM = ("random.Random", "random.SystemRandom")

# Whose members follow one another as the tables in core/lifecycle.py say: there is a beginning, and after that `to`.
TABLED = ("ChildState", "ConnectionState", "Phase", "Stage")

MEANINGLESS = ("Manager", "Handler", "Engine", "Processor", "Helper", "Utils")
MAX_LINES = 500


@dataclass(frozen=True)
class Use:
    """One place where a module imports or reaches for something from outside."""

    line: int
    name: str  # dotted and absolute, whatever local name it goes by
    is_import: bool
    in_function: bool


class Uses(ast.NodeVisitor):
    """Collects the uses of one module; ``package`` is the dotted package it lies in."""

    def __init__(self, package: tuple[str, ...]) -> None:
        self._package = package
        self._depth = 0
        self._bound: dict[str, str] = {}
        self._reached: list[tuple[ast.Attribute, int]] = []
        self._imported: list[Use] = []

    def __iter__(self) -> Iterator[Use]:
        yield from self._imported
        for node, depth in self._reached:
            owner, _, attributes = ast.unparse(node).partition(".")
            if owner in self._bound:
                name = f"{self._bound[owner]}.{attributes}"
                yield Use(node.lineno, name, is_import=False, in_function=depth > 0)

    def _add_import(self, line: int, name: str) -> None:
        self._imported.append(Use(line, name, is_import=True, in_function=self._depth > 0))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            first = alias.name.partition(".")[0]
            self._bound[alias.asname or first] = alias.name if alias.asname else first
            self._add_import(node.lineno, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self._package[: len(self._package) + 1 - node.level] if node.level else ()
        module = ".".join((*above, *([node.module] if node.module else [])))
        for alias in node.names:
            self._bound[alias.asname or alias.name] = f"{module}.{alias.name}"
            self._add_import(node.lineno, f"{module}.{alias.name}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._reached.append((node, self._depth))
        self.generic_visit(node)

    def _visit_function(self, node: ast.AST) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function


def breaches(root: Path) -> list[str]:
    """Every breach by a module of the package under `root`, as "file:line: what"."""
    return [
        f"{path.relative_to(root)}:{line}: {what}"
        for path in sorted((root / "mcpws").rglob("*.py"))
        for line, what in _breaches_of(path.relative_to(root), path.read_text())
    ]


def _breaches_of(where: Path, source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    uses = Uses(where.parent.parts)
    uses.visit(tree)
    part = where.with_suffix("").parts[1]
    if part != "__init__":
        yield from _misplaced(part, uses)
    if part in SIBLINGS:
        yield from _of_siblings(where.with_suffix("").parts[2], part, uses)
    yield from _over_to_the_other(where, uses)
    if part in PURE:
        yield from _impure(uses)
    if any(part in layer for layer in STATELESS):
        yield from _mutated(tree)
    yield from _private(where, uses)
    yield from _past_the_table(tree)
    for use in uses:
        if use.is_import and part != "ws" and _is_within(use.name, "autobahn"):
            yield use.line, "autobahn is imported by mcpws/ws alone"
        if not use.in_function and _is_within(use.name, "twisted.internet.reactor"):
            yield use.line, "the reactor at module level"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(word in node.name for word in MEANINGLESS):
            yield node.lineno, f"the name of class {node.name} says nothing"
    if (length := len(source.splitlines())) > MAX_LINES:
        yield length, f"more than {MAX_LINES} lines"


def circles(root: Path) -> list[str]:
    """Every knot of modules under `root` that import each other, for whatever purpose and wherever, by their names.

    What is only imported for its types is needed to understand a module all the same.
    """
    sources = {_module_name(path.relative_to(root)): path for path in sorted((root / "mcpws").rglob("*.py"))}
    imported: dict[str, set[str]] = {}
    for name, path in sources.items():
        uses = Uses(path.relative_to(root).parent.parts)
        uses.visit(ast.parse(path.read_text()))
        found = {_module_of(use.name, sources) for use in uses if use.is_import}
        imported[name] = {one for one in found if one is not None}
    return [" <> ".join(sorted(knot)) for knot in _knots(imported)]


def _module_name(where: Path) -> str:
    parts = where.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module_of(name: str, modules: Container[str]) -> str | None:
    """The module that has to be there for `name`: itself, or the one that it is in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def _knots(follows: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected parts of a graph that are circles; those of one node only where it follows itself."""
    reached = {node: _reached(node, follows) for node in follows}
    knots: list[set[str]] = []
    for node in follows:
        if node in reached[node] and not any(node in knot for knot in knots):
            knots.append({other for other in reached[node] if node in reached[other]})
    return knots


def _reached(start: str, follows: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = follows[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def _misplaced(part: str, uses: Uses) -> Iterator[tuple[int, str]]:
    if part not in RANK:
        yield 1, f"{part} is in no layer"
        return
    for use in uses:
        if use.is_import and _is_within(use.name, "mcpws"):
            other = use.name.partition(".")[2].partition(".")[0]
            if other not in RANK:
                yield use.line, f"{use.name} is in no layer"
            elif RANK[other] > RANK[part]:
                yield use.line, f"{part} imports {use.name}, which is to its right"


def _impure(uses: Uses) -> Iterator[tuple[int, str]]:
    for use in uses:
        if any(_is_within(use.name, impure) for impure in IMPURE):
            yield use.line, f"{use.name} in a pure layer"
        elif use.name.startswith("random.") and not use.name.startswith(OWN_RANDOM):
            yield use.line, f"{use.name} is the process's own generator"


def _of_siblings(own: str, part: str, uses: Uses) -> Iterator[tuple[int, str]]:
    for use in uses:
        if use.is_import and _is_within(use.name, f"mcpws.{part}"):
            other = use.name.split(".")[2:3]
            if other and other != [own]:
                yield use.line, f"{own} imports {use.name}, which is beside it"


def _over_to_the_other(where: Path, uses: Uses) -> Iterator[tuple[int, str]]:
    own = [one for one in APART if _is_within(".".join(where.parent.parts), one)]
    for use in uses:
        if own and use.is_import and any(_is_within(use.name, other) for other in APART if other not in own):
            yield use.line, f"{use.name} is of the other direction"


def _private(where: Path, uses: Uses) -> Iterator[tuple[int, str]]:
    """Names with an underscore, of which only their own package may know."""
    own = ".".join(where.parent.parts)
    for use in uses:
        package, _, name = use.name.rpartition(".")
        if (
            use.is_import
            and name.startswith("_")
            and not name.startswith("__")
            and _is_within(package, "mcpws")
            and not _is_within(package, own)
        ):
            yield use.line, f"{use.name} is private"


def _past_the_table(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """States that something is set to, other than at its beginning, without a look into their table."""
    hoisted = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and _is_tabled(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name != "__init__":
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and any(isinstance(one, ast.Attribute) for one in node.targets):
                    value = node.value
                    if _is_tabled(value) or (isinstance(value, ast.Name) and value.id in hoisted):
                        yield node.lineno, f"{ast.unparse(node)}: past the table of states"


def _is_tabled(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in TABLED


def _mutated(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names of the module that functions change, or what they hold, once all is imported."""
    bound = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name != "__init_subclass__":
            for node in ast.walk(function):
                if isinstance(node, ast.Global):
                    yield node.lineno, f"{', '.join(node.names)} is rebound: a state of the process"
                elif (name := _changed(node)) in bound:
                    yield getattr(node, "lineno", 1), f"{name} is changed: a state of the process"


def _changed(node: ast.AST) -> str | None:
    """The name whose value `node` changes, if it is a plain one."""
    held: ast.AST | None = None
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        held = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATING:
        held = node.func.value
    return held.id if isinstance(held, ast.Name) else None


def _is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def test_the_package_keeps_its_layers() -> None:
    assert (ROOT / "mcpws" / "errors.py").exists()
    assert breaches(ROOT) == []


def test_no_module_needs_itself() -> None:
    assert circles(ROOT) == []


def write_module(root: Path, path: str, source: str) -> None:
    module = root / path
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(source)


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("jsonrpc/codec.py", "from mcpws.mcp import versions", "jsonrpc imports mcpws.mcp.versions"),
        ("mcp/meta.py", "from mcpws.core import ledger", "mcp imports mcpws.core.ledger"),
        ("core/rpc.py", "from mcpws.policy import backoff", "core imports mcpws.policy.backoff"),
        ("core/rpc.py", "from mcpws import policy", "core imports mcpws.policy"),
        ("core/rpc.py", "import mcpws.ws.server", "core imports mcpws.ws.server"),
        ("core/rpc.py", "from ..ws import server", "core imports mcpws.ws.server"),
        ("core/rpc.py", "from .. import ws", "core imports mcpws.ws"),
        ("core/__init__.py", "from ..ws import server", "core imports mcpws.ws.server"),
        ("errors.py", "from .config import Settings", "errors imports mcpws.config.Settings"),
        ("policy/queue.py", "def f():\n    import mcpws.config", "policy imports mcpws.config"),
        ("seam/interfaces.py", "from mcpws.turns import caller", "seam imports mcpws.turns.caller"),
        ("turns/caller.py", "import mcpws.ws", "turns imports mcpws.ws"),
        ("http/request.py", "from mcpws.fronts import front", "http imports mcpws.fronts.front"),
        ("ws/server.py", "import mcpws.client.session", "ws imports mcpws.client.session"),
        ("client/pool.py", "import mcpws.backends.upstream", "client imports mcpws.backends"),
        ("backends/app.py", "import mcpws.transport", "backends imports mcpws.transport"),
        ("backends/shared.py", "import mcpws.backends.stdio.child", "shared imports mcpws.backends.stdio.child"),
        ("backends/app/tools.py", "from mcpws.backends import stdio", "app imports mcpws.backends.stdio"),
        ("backends/app/tools.py", "from ..eras import backend", "app imports mcpws.backends.eras.backend"),
        (
            "backends/eras/for_legacy/half.py",
            "from mcpws.backends.eras.for_modern.pool import x",
            "mcpws.backends.eras.for_modern.pool.x is of the other direction",
        ),
        (
            "backends/eras/for_modern/pool.py",
            "from ..for_legacy import half",
            "mcpws.backends.eras.for_legacy.half is of the other direction",
        ),
        ("ws/server.py", "from mcpws.fronts.front import _Held", "mcpws.fronts.front._Held is private"),
        ("core/ledger.py", "SEEN = {}\ndef f(x):\n    SEEN[x] = 1", "SEEN is changed"),
        ("core/ledger.py", "SEEN: list = []\ndef f(x):\n    SEEN.append(x)", "SEEN is changed"),
        ("mcp/meta.py", "SEEN = 1\nclass A:\n    def f(self):\n        global SEEN", "SEEN is rebound"),
        ("log/events.py", "SEEN = thing()\ndef f():\n    SEEN.depth += 1", "SEEN is changed"),
        ("service.py", "from mcpws.tap import Options", "service imports mcpws.tap.Options"),
        ("service.py", "from mcpws import App", "mcpws.App is in no layer"),
        ("service.py", "import mcpws", "mcpws is in no layer"),
        ("extra.py", "", "extra is in no layer"),
        ("extra/__init__.py", "", "extra is in no layer"),
        ("core/codec.py", "from twisted.python import failure", "twisted.python.failure in a pure"),
        ("core/codec.py", "import autobahn", "autobahn is imported by mcpws/ws alone"),
        ("policy/backoff.py", "import txaio as tx", "txaio in a pure layer"),
        ("policy/backoff.py", "from time import monotonic", "time.monotonic in a pure layer"),
        (
            "policy/stats.py",
            "from datetime import UTC, datetime as when\nwhen.now(UTC)",
            "datetime.datetime.now in a pure layer",
        ),
        (
            "policy/stats.py",
            "import datetime\ndef f():\n    return datetime.date.today()",
            "datetime.date.today in a pure layer",
        ),
        ("policy/backoff.py", "import random\nrandom.random()", "random.random is the process's"),
        ("policy/backoff.py", "from random import uniform", "random.uniform is the process's"),
        ("backends/app.py", "import autobahn.twisted", "autobahn is imported by mcpws/ws alone"),
        ("__init__.py", "from autobahn import websocket", "autobahn is imported by mcpws/ws alone"),
        ("tap.py", "from twisted.internet import reactor", "the reactor at module level"),
        ("tap.py", "import twisted.internet.reactor", "the reactor at module level"),
        ("tap.py", "from twisted.internet.reactor import run", "the reactor at module level"),
        ("tap.py", "from twisted import internet\ninternet.reactor", "the reactor at module level"),
        (
            "tap.py",
            "class A:\n    if True:\n        from twisted.internet import reactor",
            "the reactor at module level",
        ),
        ("ws/connection.py", "def gone(self):\n    self.state = ConnectionState.DISCONNECTED", "past the table"),
        ("ws/connection.py", "_UP = ConnectionState.CONNECTED\ndef f(self):\n    self.state = _UP", "past the table"),
        (
            "fronts/stdio.py",
            "class A:\n    async def f(self):\n        self.front._stage = Stage.OVER",
            "past the table",
        ),
        ("ws/server.py", "class ConnectionManager: pass", "class ConnectionManager says nothing"),
        ("ws/server.py", "def f():\n    class _Utils: pass", "class _Utils says nothing"),
        ("config.py", "x = 1\n" * 501, "more than 500 lines"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, path: str, source: str, breach: str) -> None:
    write_module(tmp_path, f"mcpws/{path}", source)
    [found] = breaches(tmp_path)
    assert found.startswith(f"mcpws/{path}:")
    assert breach in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__init__.py", "from mcpws.tap import Options\nfrom .core.rpc import Rpc"),
        ("core/rpc.py", "from mcpws.errors import McpwsError\nfrom .messages import Request"),
        ("policy/queue.py", "from mcpws import errors\nfrom ..core import messages"),
        ("policy/backoff.py", "import random\ndef f(r: random.Random):\n    return r.random()"),
        ("policy/backoff.py", "from random import Random\nRandom(1).random()"),
        ("policy/stats.py", "from datetime import timedelta\ndef f(x):\n    return x.now"),
        ("seam/interfaces.py", "from mcpws.config import Limits"),
        ("backends/app/tools.py", "from mcpws.backends.app.catalog import Catalog\nfrom .channel import Channel"),
        ("backends/app/tools.py", "from mcpws.backends.app.catalog import _page"),
        ("core/ledger.py", "SEEN = {}\ndef f(x):\n    seen = {}\n    seen[x] = SEEN[x]"),
        ("core/ledger.py", "KINDS = set()\nclass A:\n    def __init_subclass__(cls):\n        KINDS.add(cls)"),
        ("turns/burst.py", "BURST = thing()\ndef f():\n    BURST.depth += 1"),
        ("ws/server.py", "from autobahn.twisted import websocket\nimport time"),
        ("core/ledger.py", "class A:\n    def __init__(self):\n        self.phase = Phase.NEW"),
        ("core/ledger.py", "def f(self):\n    self.phase = self.phase.to(Phase.READY)\n    new = Phase.NEW"),
        ("service.py", "def f():\n    from twisted.internet import reactor\n    return reactor"),
        (
            "testing.py",
            "import mcpws.service.listen\nfrom twisted.internet import interfaces",
        ),
        ("cli.py", "from mcpws.tap import Options\nimport mcpws.errors"),
        ("config.py", "x = 1\n" * 500),
        ("ws/server.py", "class Connection: pass\ndef handler(): pass"),
    ],
)
def test_what_is_allowed_is_no_breach(tmp_path: Path, path: str, source: str) -> None:
    write_module(tmp_path, f"mcpws/{path}", source)
    assert breaches(tmp_path) == []


@pytest.mark.parametrize(
    ("modules", "circle"),
    [
        (
            {"ws/server.py": "from mcpws.ws import connection", "ws/connection.py": "from .server import Server"},
            "mcpws.ws.connection <> mcpws.ws.server",
        ),
        (
            {
                "ws/server.py": "from mcpws.ws.connection import Connection",
                "ws/connection.py": "if TYPE_CHECKING:\n    from mcpws.ws.server import Server",
            },
            "mcpws.ws.connection <> mcpws.ws.server",
        ),
        (
            {"ws/a.py": "import mcpws.ws.b", "ws/b.py": "from mcpws.ws.c import C", "ws/c.py": "from .a import A"},
            "mcpws.ws.a <> mcpws.ws.b <> mcpws.ws.c",
        ),
        (
            {"core/a.py": "from .b import B", "core/b.py": "def f():\n    from mcpws.core.a import A"},
            "mcpws.core.a <> mcpws.core.b",
        ),
        (
            {"backends/app/__init__.py": "from .tools import Tool", "backends/app/tools.py": "from . import App"},
            "mcpws.backends.app <> mcpws.backends.app.tools",
        ),
        ({"core/a.py": "from mcpws.core.a import A"}, "mcpws.core.a"),
    ],
)
def test_a_circle_is_found(tmp_path: Path, modules: dict[str, str], circle: str) -> None:
    write_module(tmp_path, "mcpws/other.py", "from mcpws.ws import server\nfrom mcpws.core import a")
    for path, source in modules.items():
        write_module(tmp_path, f"mcpws/{path}", source)
    assert circles(tmp_path) == [circle]


def test_two_circles_are_two(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")):
        write_module(tmp_path, f"mcpws/core/{name}.py", f"from mcpws.core.{other} import X")
    assert circles(tmp_path) == ["mcpws.core.a <> mcpws.core.b", "mcpws.core.c <> mcpws.core.d"]


@pytest.mark.parametrize(
    "modules",
    [
        {"core/a.py": "from .b import B\nfrom .c import C", "core/b.py": "from .c import C", "core/c.py": "import ast"},
        {"ws/__init__.py": "", "ws/a.py": "from mcpws.ws.b import B", "ws/b.py": "from mcpws import ws"},
        {"core/a.py": "from twisted.internet import a", "core/b.py": "import core.a"},
        {"__init__.py": "from mcpws.core.a import A", "core/a.py": "import mcpwsx.core.a"},
    ],
)
def test_what_only_forks_and_joins_is_no_circle(tmp_path: Path, modules: dict[str, str]) -> None:
    for path, source in modules.items():
        write_module(tmp_path, f"mcpws/{path}", source)
    assert circles(tmp_path) == []
