"""Who may come in: a token beyond this machine, none but local names on it, and pages that ask nothing of others."""

from __future__ import annotations

import hmac
import html
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = "t2ilab_studio"
LARGEST_BODY = 30_000_000  # bytes: the largest upload, and its wrapping
# The browser itself refuses whatever would be asked of another server.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-ancestors 'self'; form-action 'self'; base-uri 'self'; object-src 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


def new_token() -> str:
    """A token that nobody guesses, 192 bits of it."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Doors:
    """ASGI middleware around the studio.

    Args:
        app: what is behind it.
        token: what a visitor shows once, as ?token=...; from then on a cookie shows it. None asks for none, and then
            only requests that were addressed to this machine by a local name come in, so that no other site's page can
            reach the studio under a name of its own that it lets point here.

    What another site's page has a visitor's browser send here under the right name is refused as well: such a page
    may not read an answer, but its files would be kept all the same, until the disk is full.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], token: str | None = None):
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["type"] == "websocket":  # the studio has none
            return await send({"type": "websocket.close", "code": 1008})
        if scope["method"] not in ("GET", "HEAD") and headers.get("sec-fetch-site") == "cross-site":
            return await _answer(send, 403, "Another site's page asked for this. Open the studio itself.")
        if self.token is None:
            if not is_loopback(_name(headers.get("host", ""))):
                return await _answer(send, 403, "The studio is open to this machine alone. Ask for it as localhost.")
        else:
            shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if shown and self._fits(shown):
                return await self._let_in(scope, send)
            if not self._fits(_cookie(headers.get("cookie", ""))):
                return await _answer(send, 401, "", _form(wrong=bool(shown)))
        if "transfer-encoding" in headers:  # whose end nobody knows beforehand; browsers send none
            return await _answer(send, 411, "A request says how long it is, in Content-Length; this one does not.")
        if int(length if (length := headers.get("content-length", "0")).isdecimal() else 0) > LARGEST_BODY:
            return await _answer(send, 413, f"A request has at most {LARGEST_BODY // 1_000_000} MB.")

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self.app(scope, receive, sending)

    def _fits(self, shown: str) -> bool:
        """Compared in a time that does not say how much of it is right."""
        return hmac.compare_digest(shown.encode(), (self.token or "").encode())

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """To the page without the token, which so does not stay in the address bar; a cookie has it from here on."""
        kept = {k: v for k, v in parse_qs(scope["query_string"].decode("latin-1")).items() if k != "token"}
        there = "./" + (f"?{urlencode(kept, doseq=True)}" if kept else "")
        cookie = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        await _answer(send, 303, "", "", [(b"location", there.encode()), (b"set-cookie", cookie.encode())])


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _name(host: str) -> str:
    """A Host header without its port, and without the brackets of an address with colons."""
    name = host[: host.rindex(":")] if ":" in host and not host.endswith("]") else host
    return name.lower().removeprefix("[").removesuffix("]")


def _form(wrong: bool) -> str:
    said = "<p role='alert'>That is not the token. 合言葉が違います。</p>" if wrong else ""
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        "<title>t2ilab studio</title><style>body{font:1.1rem system-ui,sans-serif;max-width:32rem;margin:15vh auto;"
        "padding:0 1rem}input,button{font:inherit;padding:.5rem}</style><h1>t2ilab studio</h1>"
        f"{said}<form><p><label for='token'>The token, which the terminal said when the studio was opened "
        "（スタジオを起動した端末に表示された合言葉）</label></p>"
        "<p><input id='token' name='token' type='password' autocomplete='off' autofocus required> "
        "<button>Enter 入る</button></p></form></html>"
    )


async def _answer(
    send: Send, status: int, text: str, page: str = "", headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = (page or html.escape(text, quote=False)).encode()
    kind = b"text/html; charset=utf-8" if page else b"text/plain; charset=utf-8"
    start = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *HEADERS, *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
