"""An App whose functions take and return what is easily got wrong. Beside its file it has a folder `docs`."""

from collections.abc import AsyncIterator, Callable, Iterator
from enum import IntEnum
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Struct

from mcpws import App, ConfigError, Context
from mcpws.mcp.content import Image

DOCS = Path(__file__).parent / "docs"
IMAGE = Image(b"picture", "image/png")

app = App("odd", "1")


class Size(IntEnum):
    LARGE = 5


class Point(Struct):
    x: int


@app.resource("docs://{name}")
def document(name: str) -> str:
    return (DOCS / name).read_text()


@app.resource("all://{+path}")
def file(path: str) -> str:
    return (DOCS / path).read_text()


@app.resource("a://My Größe/{numbers}")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.resource("a://nan")
def no_number() -> dict[str, float]:
    return {"a": nan}


@app.tool
def integers(a: int, b: int | None, c: list[int], d: Literal[5], e: Size, f: Point) -> list[Any]:
    return [a, b, c, d, e, f]


@app.tool
def later(n: int = None) -> dict[str, Any]:  # type: ignore[assignment]  # noqa: RUF013
    return {"n": n}


@app.tool
def names(__a: int, __init__: int, self: int, größe: Annotated[int, "of it"]) -> int:
    return __a + __init__ + self + größe


@app.tool
def pictures() -> list[str | Image]:
    return ["one", IMAGE]


@app.tool
def album():  # type: ignore[no-untyped-def]
    return {"title": "one", "pictures": [IMAGE]}


@app.tool
async def nothing() -> int:
    return None  # type: ignore[return-value]


@app.tool
def several() -> dict:  # type: ignore[type-arg]
    return [1]  # type: ignore[return-value]


@app.tool
def endless() -> float:
    return inf


@app.tool
def logged(context: Context) -> str:
    context.log("error", {"a": nan})
    return ""


@app.tool
def progressed(context: Context) -> str:
    context.progress(1, inf)
    return ""


@app.prompt
def pick(names: list[str]) -> str:
    return " or ".join(names)


def numbers() -> Iterator[int]:
    yield 1


async def later_numbers() -> AsyncIterator[int]:
    yield 1


def limited(limit: float = inf) -> None: ...


def wrong(n: int = "one") -> None:  # type: ignore[assignment]
    pass


@app.tool
def refused() -> list[str]:
    functions: list[Callable[..., Any]] = [numbers, later_numbers, limited, wrong]
    return [_refusal(function) for function in functions]


def _refusal(function: Callable[..., Any]) -> str:
    try:
        app.tool(function)
    except ConfigError as error:
        return error.problem
    return ""
