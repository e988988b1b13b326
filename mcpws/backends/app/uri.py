"""URI templates (RFC 6570), as far as URIs can be told apart by them: `{name}`, and `{+name}` at the end."""

from __future__ import annotations

import re
from urllib.parse import unquote

from mcpws.errors import ConfigError

_EXPRESSION = re.compile(r"\{(\+?)([A-Za-z_]\w*)\}", re.ASCII)
_SEGMENT = re.compile(r"[^/?#]+")
_ANYTHING = re.compile(r".+", re.DOTALL)


class UriTemplate:
    """Matches URIs, in time linear in their length whatever they are.

    `{name}` stands for one or more characters within a path segment, `{+name}` for one or more of any up to the end.
    The text between two variables is taken where it stands first.

    :raises ConfigError: another operator, two variables with nothing between, a name twice, `{+name}` before the end.
    """

    def __init__(self, template: str) -> None:
        # Text and expressions take turns: text, operator, name, text, operator, name, ..., text.
        parts = _EXPRESSION.split(template)
        texts, operators, names = parts[::3], parts[1::3], parts[2::3]
        if any("{" in text or "}" in text for text in texts):
            raise ConfigError("URI template", template, "may have {name}, and {+name} at the end, and no other braces")
        if len(set(names)) < len(names):
            raise ConfigError("URI template", template, "has a variable twice")
        if "" in texts[1:-1]:
            raise ConfigError("URI template", template, "has two variables with nothing between them")
        if "+" in operators[:-1] or (operators[-1:] == ["+"] and texts[-1]):
            raise ConfigError("URI template", template, "may have {+name} only at the end")
        self.variables = tuple(names)
        self._prefix = texts[0]
        allowed = [_ANYTHING if operator else _SEGMENT for operator in operators]
        self._steps = tuple(zip(names, allowed, texts[1:], strict=True))

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables' values, percent-decoded; None if `uri` does not match.

        A decoded value may hold any character, slashes included.
        """
        if not uri.startswith(self._prefix):
            return None
        position = len(self._prefix)
        values = {}
        for index, (name, allowed, text) in enumerate(self._steps, start=1):
            is_last = index == len(self._steps)
            end = len(uri) - len(text) if is_last else uri.find(text, position + 1)
            value = uri[position : max(position, end)]
            if not allowed.fullmatch(value) or not uri.startswith(text, end):
                return None
            try:
                values[name] = unquote(value, errors="strict")
            except UnicodeDecodeError:
                return None
            position = end + len(text)
        return values if position == len(uri) else None
