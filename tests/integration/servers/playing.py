"""A server to play with: tools, resources and prompts of every shape, some of which mean no good.

`app` is for `mcpws serve`.
"""

import struct
import zlib
from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from twisted.internet import reactor
from twisted.internet.task import deferLater

from mcpws import App, Context, ToolError
from mcpws.errors import InvalidParams
from mcpws.mcp.content import Audio, EmbeddedResource, Image, ResourceContents, ResourceLink, Text, ToolResult

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
COUNTER = "play://counter"

app = App("playing", "1.0", title="Playing field", instructions=f"Play.\nNothing here is serious. {SCRIPT}")


class Address(Struct):
    street: Annotated[str, Meta(min_length=2)]
    city: Annotated[str, Meta(description="Where the street is")] = "Athens"


class Line(Struct):
    product: Annotated[str, Meta(pattern="^[A-Z]{2}-[0-9]+$")]
    count: Annotated[int, Meta(ge=1, le=99)] = 1


class Place(Struct):
    """A place, and those within it."""

    name: str
    within: "list[Place]" = []


Mail = Annotated[str, Meta(extra_json_schema={"format": "email"})]
Speed = Annotated[
    str, Meta(extra_json_schema={"oneOf": [{"const": "a", "title": "Slowly"}, {"const": "b", "title": "At once"}]})
]


@app.tool(title="Order goods")
def order(
    mail: Mail,
    lines: Annotated[list[Line], Meta(min_length=1)],
    address: Address,
    size: Literal["small", "large"],
    speed: Speed = "a",
    extras: Annotated[list[Literal["ribbon", "card", "bow"]], Meta(extra_json_schema={"uniqueItems": True})] = [],  # noqa: B006
    day: date | None = None,
    tip: Annotated[float, Meta(ge=0, le=1)] = 0.1,
    gift: bool = False,
    prices: dict[str, float] = {},  # noqa: B006
    note: int | str = "",
    billing: Address | None = None,
) -> dict[str, Any]:
    """Order goods: what is given comes back as it was understood.

    Args:
        mail: to whom the bill goes.
        lines: what is ordered.
    """
    return {"given": {key: value for key, value in locals().items() if value is not None}}


@app.tool
def places(root: Place) -> Place:
    """Take a tree of places."""
    return root


@app.tool
async def slow(context: Context, steps: int = 200) -> str:
    """Take long, and tell how far it is."""
    for step in range(steps):
        context.progress(step, steps, f"step {step} {IMAGE}")
        context.log("warning", {"step": step}, "slow")
        await deferLater(reactor, 0.05)
    return "done"


@app.tool
async def ask_form(context: Context) -> str:
    """Ask for a form."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Your name", "minLength": 2},
            "age": {"type": "integer", "minimum": 18, "description": "In years"},
            "colour": {
                "type": "string",
                "title": "Favourite colour",
                "oneOf": [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}],
            },
            "news": {"type": "boolean", "title": "Send me news", "default": True},
        },
        "required": ["name", "colour"],
    }
    given = await context.elicit(f"Who are you? {SCRIPT}", schema)
    return f"{given.action}: {sorted((given.content or {}).items())}"


@app.tool
async def ask_page(context: Context, url: str = "https://login.example.com/start?a=1") -> str:
    """Ask to open a page."""
    params = {"mode": "url", "message": "Log in there", "url": url, "elicitationId": "one"}
    return str(await context.request("elicitation/create", params))


@app.tool
async def ask_model(context: Context) -> str:
    """Ask a model."""
    answer = await context.sample(f"How are you? {IMAGE}", max_tokens=50, system_prompt="Be brief.")
    return f"{answer.model} says {answer.text}"


@app.tool
async def ask_roots(context: Context) -> list[str]:
    """Ask for roots."""
    return [root.uri for root in await context.list_roots()]


def _pixels(side: int = 64) -> bytes:
    """A PNG with a gradient."""
    rows = b"".join(
        b"\0" + bytes(part for x in range(side) for part in (4 * x % 256, 4 * y % 256, 160)) for y in range(side)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    head = struct.pack("!IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _silence(samples: int = 800) -> bytes:
    """A WAV of a tenth of a second."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    data = struct.pack("<4sI", b"data", samples) + b"\x80" * samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


@app.tool
def gallery() -> ToolResult:
    """Answer with content of every kind."""
    return ToolResult(
        [
            Text(f"Text that is no markup: {SCRIPT} {IMAGE}"),
            Image(data=_pixels(), mime_type="image/png"),
            Audio(data=_silence(), mime_type="audio/wav"),
            ResourceLink(uri=COUNTER, name="counter", title="The counter"),
            EmbeddedResource(resource=ResourceContents(uri="play://inside", text=IMAGE, mime_type="text/html")),
        ],
        structured={"markup": {SCRIPT: [IMAGE, 1, True, None]}},
    )


@app.tool(description=f"Fail. {SCRIPT}", title=IMAGE)
def fail() -> str:
    raise ToolError(f"It failed: {IMAGE}")


@app.tool
def refuse() -> str:
    """Answer with an error."""
    raise InvalidParams(f"Not with {IMAGE}", {"reason": SCRIPT})


@app.tool
def count() -> int:
    """Count, which changes the counter."""
    global counted
    counted += 1
    app.resource_updated(COUNTER)
    return counted


@app.tool
def grow() -> str:
    """Make a tool, which changes the list of tools."""

    @app.tool(name="grown", description=f"Grown up. {IMAGE}")
    def grown() -> str:
        return "fruit"

    return "grown"


counted = 0


@app.resource(COUNTER, title="The counter", description=SCRIPT, mime_type="application/json")
def counter() -> dict[str, int]:
    return {"counted": counted}


@app.resource("play://towns/{country}/{town}", title="Towns")
def town(country: str, town: str) -> str:
    """A town of a country."""
    return f"{town} in {country} {SCRIPT}"


@app.completion("play://towns/{country}/{town}", "country")
def countries(typed: str) -> list[str]:
    return [one for one in ("Greece", "Germany", "Ghana") if one.lower().startswith(typed.lower())]


@app.prompt
def greet(name: str, mood: str = "calm") -> str:
    """Greet somebody.

    Args:
        name: whom.
        mood: how.
    """
    return f"Greet {name}, {mood}. {IMAGE}"


@app.completion("greet", "mood")
def moods(typed: str) -> list[str]:
    return [one for one in ("calm", "cheerful", "cross") if one.startswith(typed)]
