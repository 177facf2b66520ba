"""Who may ask: this machine, by its own name, or who has the token of the address."""

from __future__ import annotations

import ipaddress
import secrets
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "callspan_token"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere and nothing inline, so that what a model says can never run."""


class Access:
    """Lets through who may ask, and sends headers with each answer that keep browsers strict.

    Args:
        app: The application that answers.
        host: The address that is listened on.
        token: What an address from outside has to bring; empty on loopback.
    """

    def __init__(self, app: ASGIApp, host: str, token: str = "") -> None:
        self._app = app
        self._host = host
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # web sockets and the like have no route here, and are refused by the app itself
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # also of a request that is refused: `_end_when_idle` only asks whether anybody is there
        scope["app"].state.last_request = time.monotonic()
        headers = Headers(scope=scope)
        if not self._is_own_name(headers.get("host", "")):
            # a page of a stranger may have its name lead to this machine (DNS rebinding)
            await PlainTextResponse("unknown host", 403)(scope, receive, send)
        # a page of a stranger may send a form here
        elif not self._is_own_origin(headers):
            await PlainTextResponse("another origin", 403)(scope, receive, send)
        # loopback needs no token, as only programs of this machine come there
        elif self._token and not self._has_token(scope, headers):
            await self._admit(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _is_own_name(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        # with a token any name will do: the machine may have many, and the token is what counts
        return is_loopback(name) or bool(self._token) or name == self._host

    def _is_own_origin(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        # programs that send OTLP have no `Origin`; browsers send it with whatever may change things
        if origin is None or origin == f"http://{headers.get('host', '')}":
            return True
        # browsers set it themselves and no page can: `none` is an address that a person has typed
        return headers.get("sec-fetch-site") in ("same-origin", "none")

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        cookies = cookie_parser(headers.get("cookie", ""))
        # for programs that send OTLP, which keep no cookies
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return any(
            # takes the same time for each wrong token, so that nobody can guess it letter by letter
            secrets.compare_digest(each.encode(), self._token.encode())
            for each in (cookies.get(COOKIE, ""), bearer)
        )

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change the token of the address into a cookie, so that it does not stay in the address."""
        query = scope.get("query_string", b"").decode("latin-1")
        if not secrets.compare_digest(query.encode(), f"token={self._token}".encode()):
            text = "open the address that `callspan view` has printed"
            await PlainTextResponse(text, 403)(scope, receive, send)
            return
        response = RedirectResponse(scope["path"], 303)
        # not for scripts, and not sent by links of other pages
        response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        await response(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = _POLICY
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "no-referrer"
            # prompts must not stay in a browser's cache; static files may say otherwise
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return send_with_headers
