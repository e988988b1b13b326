"""Checks of what the decorators of an App are given: whoever writes something else is told what to write."""

from __future__ import annotations

import re
from typing import Any

from mcpws.backends.app.content import CacheHint
from mcpws.errors import ConfigError
from mcpws.mcp.content import ToolAnnotations

_BEGINS_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.|\{")
_NO_PART = re.compile(r"[^\w./{}+-]+")

_FIRST = {
    "resource": ("the URI", '"notes://today"'),
    "completion": ("the prompt's name or the URI template, and the argument", '"greeting", "name"'),
    "method": ("the method's name", '"acme/search"'),
    "notification": ("the notification's name", '"acme/changed"'),
}
"""What a decorator needs that does not work without its parentheses, and an example."""


def check_function(kind: str, function: object) -> None:
    """Refuse what `@app.kind` cannot register: it stands above a function, or is called with options by name."""
    key = f"@app.{kind}"
    if isinstance(function, classmethod | property):
        what = type(function).__name__
        raise ConfigError(key, function, f"is above a {what}: call app.{kind} with the bound method of an object")
    if callable(function):
        return
    if kind in _FIRST:
        raise ConfigError(key, function, "must stand above a function")
    write = f"@app.{kind}(name={function!r})" if isinstance(function, str) else f"@app.{kind}, and options by name"
    raise ConfigError(key, function, f"must stand above a function, and this is none: write {write}")


def check_first(kind: str, *given: object) -> None:
    """Refuse what `@app.kind(...)` cannot be given first."""
    key, (needed, example) = f"@app.{kind}", _FIRST[kind]
    for value in given:
        if callable(value) or value is None:
            raise ConfigError(key, value, f"needs {needed}: write @app.{kind}({example})")
        if not isinstance(value, str) or not value:
            raise ConfigError(key, value, f"needs {needed} as a string: write @app.{kind}({example})")


def check_uri(uri: str) -> None:
    """Refuse what is no URI, nor a template of one (RFC 3986, section 3): it begins with a scheme, or a variable."""
    if not _BEGINS_URI.match(uri):
        write = f"file://{uri}" if uri.startswith("/") else f"app://{_NO_PART.sub('-', uri) or 'name'}"
        raise ConfigError(
            "@app.resource", uri, f'is no URI, which begins with a scheme: write @app.resource("{write}")'
        )


def check_options(kind: str, *, annotations: object = None, cache: object = None, **texts: Any) -> None:
    """Refuse options of another type than theirs; `texts` are strings, or None."""
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise ConfigError(f"@app.{kind}, {name}", text, "must be a string")
    if annotations is not None and not isinstance(annotations, ToolAnnotations):
        write = "write ToolAnnotations(read_only_hint=True), or whatever holds"
        raise ConfigError(f"@app.{kind}, annotations", annotations, f"must be ToolAnnotations: {write}")
    if cache is not None and not isinstance(cache, CacheHint):
        raise ConfigError(f"@app.{kind}, cache", cache, "must be a CacheHint: write CacheHint(ttl=60)")
