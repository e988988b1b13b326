"""URI templates (RFC 6570), as far as URIs can be told apart by them: `{name}`, and `{+name}` at the end."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from mcpws.errors import ConfigError

_EXPRESSION = re.compile(r"\{(\+?)([^\W\d]\w*)\}")
_SEGMENT = re.compile(r"[^/?#]+")
_ANYTHING = re.compile(r".+", re.DOTALL)
_UNSETTLED = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=\-{}]")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_SEPARATOR = re.compile(r"[/\\]")

MAX_LENGTH = 64 * 1024
"""Characters of a URI that a client may ask for."""

MAX_ENCODINGS = 4
"""Times over that a value may be percent-encoded: whoever takes it for a file may decode it again."""


def canonical(uri: str) -> str:
    """The one spelling of all that are equivalent to `uri`, a URI or a URI template.

    What no URI may hold is percent-encoded as UTF-8 (RFC 6570, 3.1; RFC 3987, 3.1), and so is nothing that need not be;
    hexadecimal digits are upper case (RFC 3986, 6.2.2). Braces are left alone.
    """
    return _UNSETTLED.sub(_settle, uri)


def _settle(found: re.Match[str]) -> str:
    part = found[0]
    if len(part) == 1:
        return quote(part, safe="", errors="surrogatepass")
    character = chr(int(part[1:], 16))
    return character if _UNRESERVED.match(character) else part.upper()


class UriTemplate:
    """Matches URIs, in time linear in their length whatever they are; equivalent ones alike.

    `{name}` stands for one or more characters within a path segment: in its value, however often that is decoded, there
    is no slash, backslash nor NUL, and it is neither `.` nor `..`. `{+name}` stands for one or more of any characters
    up to the end; if it is `confined`, its value leads nowhere but below where it begins: it has no NUL, does not begin
    with a slash, and no segment of it is `..`. The text between two variables is taken where it stands first.

    :raises ConfigError: another operator, two variables with nothing between, a name twice, `{+name}` before the end.
    """

    def __init__(self, template: str, confined: bool = True) -> None:
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
        texts = [canonical(text) for text in texts]
        self._prefix = texts[0]
        self._steps = tuple(zip(names, operators, texts[1:], strict=True))
        self._confined = confined

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables' values, percent-decoded; None if `uri` does not match."""
        return self.match_canonical(canonical(uri))

    def match_canonical(self, uri: str) -> dict[str, str] | None:
        """Match of a URI that is `canonical` already."""
        if not uri.startswith(self._prefix):
            return None
        position = len(self._prefix)
        values = {}
        for index, (name, operator, text) in enumerate(self._steps, start=1):
            is_last = index == len(self._steps)
            end = len(uri) - len(text) if is_last else uri.find(text, position + 1)
            value = uri[position : max(position, end)]
            if not (_ANYTHING if operator else _SEGMENT).fullmatch(value) or not uri.startswith(text, end):
                return None
            try:
                values[name] = unquote(value, errors="strict")
            except UnicodeDecodeError:
                return None
            if not self._may_be(values[name], operator):
                return None
            position = end + len(text)
        return values if position == len(uri) else None

    def _may_be(self, value: str, operator: str) -> bool:
        if operator and not self._confined:
            return True
        leads_astray = _is_no_path_below if operator else _is_no_segment
        for _ in range(MAX_ENCODINGS):
            if leads_astray(value):
                return False
            encoded, value = value, unquote(value)
            if value == encoded:
                return True
        return False


def _is_no_segment(value: str) -> bool:
    return value in (".", "..") or "\0" in value or _SEPARATOR.search(value) is not None


def _is_no_path_below(value: str) -> bool:
    segments = _SEPARATOR.split(value)
    return "\0" in value or ".." in segments or segments[0] == ""
