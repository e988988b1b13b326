"""MCP's requests and notifications by name, and the sets of them that rules are about."""

from __future__ import annotations

# Requests of clients.

INITIALIZE = "initialize"
PING = "ping"
DISCOVER = "server/discover"
LISTEN = "subscriptions/listen"
TOOLS_LIST = "tools/list"
TOOLS_CALL = "tools/call"
RESOURCES_LIST = "resources/list"
TEMPLATES_LIST = "resources/templates/list"
RESOURCES_READ = "resources/read"
RESOURCES_SUBSCRIBE = "resources/subscribe"
RESOURCES_UNSUBSCRIBE = "resources/unsubscribe"
PROMPTS_LIST = "prompts/list"
PROMPTS_GET = "prompts/get"
COMPLETE = "completion/complete"
SET_LEVEL = "logging/setLevel"
TASKS_GET = "tasks/get"
TASKS_RESULT = "tasks/result"
TASKS_LIST = "tasks/list"
TASKS_CANCEL = "tasks/cancel"

# Requests of servers.

CREATE_MESSAGE = "sampling/createMessage"
ELICIT = "elicitation/create"
ROOTS_LIST = "roots/list"

# Notifications.

INITIALIZED = "notifications/initialized"
CANCELLED = "notifications/cancelled"
PROGRESS = "notifications/progress"
LOG_MESSAGE = "notifications/message"
TOOLS_CHANGED = "notifications/tools/list_changed"
PROMPTS_CHANGED = "notifications/prompts/list_changed"
RESOURCES_CHANGED = "notifications/resources/list_changed"
RESOURCE_UPDATED = "notifications/resources/updated"
ROOTS_CHANGED = "notifications/roots/list_changed"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
ELICITATION_COMPLETE = "notifications/elicitation/complete"
TASK_STATUS = "notifications/tasks/status"

# Sets.

OF_CLIENTS = frozenset(
    {
        INITIALIZE,
        PING,
        DISCOVER,
        LISTEN,
        TOOLS_LIST,
        TOOLS_CALL,
        RESOURCES_LIST,
        TEMPLATES_LIST,
        RESOURCES_READ,
        RESOURCES_SUBSCRIBE,
        RESOURCES_UNSUBSCRIBE,
        PROMPTS_LIST,
        PROMPTS_GET,
        COMPLETE,
        SET_LEVEL,
        TASKS_GET,
        TASKS_RESULT,
        TASKS_LIST,
        TASKS_CANCEL,
    }
)
"""All requests that a client may send, in either era."""

ONLY_MODERN = frozenset({DISCOVER, LISTEN})
"""Requests that no legacy version has, whatever the request says of its own."""

ONLY_LEGACY = frozenset(
    {
        INITIALIZE,
        PING,
        SET_LEVEL,
        RESOURCES_SUBSCRIBE,
        RESOURCES_UNSUBSCRIBE,
        TASKS_GET,
        TASKS_RESULT,
        TASKS_LIST,
        TASKS_CANCEL,
    }
)
"""Requests that the modern era has not. Its tasks extension uses some of these names for something else."""

CAPABILITY_OF = {ELICIT: "elicitation", ROOTS_LIST: "roots", CREATE_MESSAGE: "sampling"}
"""What a server may ask its client, and what a client declares that answers it. A legacy server sends a request; a
modern one asks in an InputRequiredResult."""

MAY_ASK = frozenset({TOOLS_CALL, PROMPTS_GET, RESOURCES_READ})
"""Requests over which a modern server may ask (MCP 2026-07-28, multi round-trip requests)."""

CACHEABLE = frozenset({DISCOVER, TOOLS_LIST, PROMPTS_LIST, RESOURCES_LIST, TEMPLATES_LIST, RESOURCES_READ})
"""Requests whose modern results say for how long they hold (MCP 2026-07-28, caching)."""

LIST_CHANGED = {"tools": TOOLS_CHANGED, "prompts": PROMPTS_CHANGED, "resources": RESOURCES_CHANGED}
"""What tells of a change in the list of a feature, by the name of its capability."""

BY_NAME = frozenset({TOOLS_CALL, PROMPTS_GET})
"""Requests whose parameters have the `name` of what they are about."""

BY_URI = frozenset({RESOURCES_READ, RESOURCES_SUBSCRIBE, RESOURCES_UNSUBSCRIBE})
"""Requests whose parameters have the `uri` of what they are about."""
