"""Who may see the pages of those who run a server: this machine, and whoever has the token of an admin."""

from __future__ import annotations

from base64 import b64decode
from hmac import compare_digest
from http import HTTPStatus

from mcpws.errors import ConfigError
from mcpws.http.checks import Check, Principal, Verdict
from mcpws.http.request import HttpRequest, Refusal
from mcpws.policy.origin import host_allowed

ADMIN = Principal("admin")

ELSEWHERE = Refusal(HTTPStatus.FORBIDDEN, "this page is only for the machine that serves it")
NO_TOKEN = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "an admin token is needed",
    # The second is what a browser knows to ask for.
    (("WWW-Authenticate", 'Bearer realm="mcpws"'), ("WWW-Authenticate", 'Basic realm="mcpws admin token"')),
)
OTHER_SITE = Refusal(HTTPStatus.FORBIDDEN, "no page of another origin may ask this")

_HERE = ("tcp4:127.", "tcp6:::1:", "tcp6:::ffff:127.", "unix")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def read_token(path: str) -> str:
    """The token in the first line of a file.

    :raises ConfigError: it cannot be read, or there is none.
    """
    try:
        with open(path, encoding="ascii") as file:
            token = file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "is no ASCII text"
        raise ConfigError("admin_token_file", path, f"cannot be read: {problem}") from None
    if not token:
        raise ConfigError("admin_token_file", path, "must have a token in its first line")
    return token


def only_admins(token: str | None) -> Check:
    """Lets in who asks from this machine, by one of its own names, and who has the `token`, if there is one.

    Pages of other origins are refused whoever shows them. What a proxy passes on comes from elsewhere, as far as the
    proxy says that it is one.
    """

    def check(request: HttpRequest) -> Verdict:
        if _is_of_another_site(request):
            return OTHER_SITE
        given = _credentials(request.headers.get("authorization", ""))
        if token is not None and given is not None:
            return ADMIN if compare_digest(given, token.encode()) else NO_TOKEN
        if _is_from_here(request):
            return None
        return ELSEWHERE if token is None else NO_TOKEN

    return check


def _credentials(header: str) -> bytes | None:
    """The token that an Authorization header has, or a browser's password for whatever name; None if it has neither."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip().encode()
    if scheme.lower() == "basic":
        try:
            return b64decode(given.strip(), validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return None


def _is_from_here(request: HttpRequest) -> bool:
    proxied = any(name in request.headers for name in _FORWARDED)
    return request.peer.startswith(_HERE) and host_allowed(request.headers.get("host"), ()) and not proxied


def _is_of_another_site(request: HttpRequest) -> bool:
    """Whether a browser says that a page of another origin asks (Fetch standard, and Fetch Metadata)."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "").lower()
    ours = (f"http://{host}", f"https://{host}")
    return site not in ("none", "same-origin") or (origin is not None and origin.lower() not in ours)
