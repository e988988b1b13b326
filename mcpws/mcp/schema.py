"""Parameters and results of MCP's own that more than one part reads or writes, as they go over the wire.

They are generic: `V` is what a capability is read as, `I` what an Implementation is, `Raw` for who passes them on, `U`
an array of URIs with its bounds, `F` a filter, `S` a state. A member that is missing is None, if it may be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mcpws.mcp.meta import SERVER_INFO
from mcpws.mcp.methods import LIST_CHANGED, RESOURCE_UPDATED
from mcpws.version import __version__

F = TypeVar("F")
I = TypeVar("I")  # noqa: E741
S = TypeVar("S")
U = TypeVar("U", bound=Collection[str])
V = TypeVar("V")

OURSELVES = {"name": "mcpws", "version": __version__}
"""The Implementation that the other end gets to see where nobody else is to be named."""

MAX_URI = 8000
"""Characters of a URI that is subscribed to: what every HTTP server should take (RFC 9110, section 4.1)."""

Uri = Annotated[str, Meta(max_length=MAX_URI)]


class ProtocolVersion(Struct, frozen=True, gc=False, rename="camel"):
    """The version in the parameters, or in the result, of an `initialize`, whatever the rest is worth."""

    protocol_version: str


class InitializeParams(Struct, Generic[V, I], frozen=True, omit_defaults=True, rename="camel"):
    """Parameters of `initialize` (MCP 2025-11-25, lifecycle)."""

    protocol_version: str
    capabilities: dict[str, V] | None = None
    client_info: I | None = None


class InitializeResult(Struct, Generic[V, I], frozen=True, omit_defaults=True, rename="camel"):
    """Result of `initialize` (MCP 2025-11-25, lifecycle)."""

    protocol_version: str
    capabilities: dict[str, V] | None = None
    server_info: I | None = None
    instructions: str | None = None


class ResultMeta(Struct, Generic[I], frozen=True, omit_defaults=True):
    """Members of the `_meta` of a modern result that the protocol defines."""

    server_info: I | None = msgspec.field(name=SERVER_INFO, default=None)


class DiscoverResult(Struct, Generic[V, I], frozen=True, omit_defaults=True, rename="camel"):
    """Result of `server/discover` (MCP 2026-07-28, versioning)."""

    supported_versions: tuple[str, ...]
    capabilities: dict[str, V] | None = None
    instructions: str | None = None
    meta: ResultMeta[I] | None = msgspec.field(name="_meta", default=None)

    @property
    def server_info(self) -> I | None:
        """The server's Implementation, if it tells."""
        return None if self.meta is None else self.meta.server_info


class SubscriptionFilter(Struct, Generic[U], frozen=True, omit_defaults=True):
    """Notifications that a client asks for, or is promised: of changes in the lists of `tools`, `prompts` and
    `resources`, and of updates of the resources `uris` (MCP 2026-07-28, subscriptions)."""

    tools: bool = msgspec.field(name="toolsListChanged", default=False)
    prompts: bool = msgspec.field(name="promptsListChanged", default=False)
    resources: bool = msgspec.field(name="resourcesListChanged", default=False)
    uris: U = msgspec.field(name="resourceSubscriptions", default=())  # type: ignore[assignment]

    def has_list(self, feature: str) -> bool:
        """Whether changes of the list of `feature` are among them: `tools`, `prompts` or `resources`."""
        return bool(getattr(self, feature))

    @property
    def features(self) -> tuple[str, ...]:
        """Features whose lists are among them."""
        return tuple(feature for feature in LIST_CHANGED if self.has_list(feature))

    def passes(self, method: str, params: Mapping[str, object]) -> bool:
        """Whether a notification is one of these. One about a part of a resource is about the resource, too."""
        if method == RESOURCE_UPDATED:
            updated = params.get("uri")
            return isinstance(updated, str) and any(_is_within(updated, uri) for uri in self.uris)
        return any(method == LIST_CHANGED[feature] for feature in self.features)


COMPLETE_RESULT, INPUT_REQUIRED = "complete", "input_required"
"""Values of `resultType` in modern results. Legacy results have none, and are complete."""

INPUT_RESPONSES, REQUEST_STATE = "inputResponses", "requestState"

OF_ONE_TRY = ("_meta", INPUT_RESPONSES, REQUEST_STATE)
"""Parameters that may differ where a request is sent again with the input that its server required."""


class InputRequest(Struct, frozen=True):
    """A question of a server to its client: a request but for its id."""

    method: str
    params: Raw | UnsetType = UNSET


class InputRequiredResult(Struct, Generic[S], frozen=True, rename="camel"):
    """Result that requires input of the client (MCP 2026-07-28, multi round-trip requests).

    `request_state` means something to the server alone, and comes back as it was.
    """

    input_requests: dict[str, InputRequest] | None = None
    request_state: S | UnsetType = UNSET
    result_type: str = INPUT_REQUIRED


class ListenParams(Struct, Generic[F], frozen=True):
    """Parameters of `subscriptions/listen`, and of the notification that acknowledges it."""

    notifications: F


def _is_within(uri: str, whole: str) -> bool:
    return uri == whole or uri.startswith(f"{whole.rstrip('/')}/")
