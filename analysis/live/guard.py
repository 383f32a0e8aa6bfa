"""What every request passes before a page answers it: who may ask, how, and how answers are marked.

The page only reads. It listens on loopback unless told otherwise; then whoever asks needs a token,
which the printed address carries once and a cookie afterwards.
"""

import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_QUERY = 16_000  # characters; the longest filter, percent-encoded, has 12,000
METHODS = ("GET", "HEAD")
HEADERS = {
    # Vega compiles its expressions, and styles its tooltips, as it draws.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src data: blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Not a redirect: a strict cookie does not come along when another site's link led here.
ENTER = '<!doctype html><title>analysis</title><meta http-equiv="refresh" content="0; url=/">'


@dataclass(frozen=True, slots=True)
class Token:
    """A secret and the cookie that keeps it; cookies know no ports, so its name has the port."""

    secret: str
    cookie: str

    def fits(self, given: str) -> bool:
        """Whether this is the secret, in a time that says nothing about it."""
        return hmac.compare_digest(given.encode(), self.secret.encode())


class Guard:
    """Refuses what the page does not answer, and marks what it does; wraps a Starlette app."""

    def __init__(self, app: ASGIApp, token: Token | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._answer(Request(scope)) or self.app)(scope, receive, marked)

    def _answer(self, request: Request) -> Response | None:
        """What is said instead of the page, if anything."""
        if request.method not in METHODS:
            sentence = f"{request.method[:20]}; this page only reads. Use GET."
            return refused(405, sentence, {"Allow": ", ".join(METHODS)})
        if len(request.scope["query_string"]) > MAX_QUERY:
            return refused(414, f"a query; it has at most {MAX_QUERY} characters. Shorten it.")
        if self.token is None or self.token.fits(request.cookies.get(self.token.cookie, "")):
            return None
        query = parse_qs(request.scope["query_string"].decode("latin-1"))
        if request.url.path == "/" and self.token.fits("".join(query.get("token", []))):
            page = HTMLResponse(ENTER, headers={"Cache-Control": "no-store"})
            page.set_cookie(self.token.cookie, self.token.secret, httponly=True, samesite="strict")
            return page
        return refused(
            403, "no token; this page is not for everyone. Open the address that was printed."
        )


def refused(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """An error as the page's script and people read it."""
    return JSONResponse({"error": sentence}, status, headers)


def trusted_hosts(address: str, name: str) -> list[str]:
    """Names by which a page may be asked for, so that no other site's name leads to it.

    A page that listens on every address goes by any name: it has a token, and a name that points
    here by trickery brings no cookie.
    """
    if ip_address(address).is_unspecified:
        return ["*"]
    names = {"localhost", "127.0.0.1", "::1", address, name}
    return sorted(names | {f"[{one}]" for one in names if ":" in one})
