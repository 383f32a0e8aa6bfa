"""What every request passes before the page answers: who may ask, how, and the answer's headers.

The page only reads. It listens on loopback unless the user names another host. Beyond loopback, and
behind a proxy with another name, a browser needs a token. The printed address has the token;
afterwards a cookie has it.
"""

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from study.errors import UsageError

MAX_QUERY = 16_000  # characters; the longest filter has 12,000 when it is percent-encoded
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
# A page instead of a redirect: browsers withhold a strict cookie from a redirect that follows a
# link of another site.
ENTER = '<!doctype html><title>analysis</title><meta http-equiv="refresh" content="0; url=./">'

_ROOT_PATH = re.compile(r"(/[\w.~@%:+-]+)*/?", re.ASCII)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Token:
    """A secret, and the name of the cookie that holds it.

    A cookie belongs to a host and is sent to each of its ports. So the cookie's name has the port.
    """

    secret: str
    cookie: str

    def fits(self, given: str) -> bool:
        """Whether a text is the secret; the time that this takes says nothing about the secret."""
        return hmac.compare_digest(given.encode(), self.secret.encode())


class Guard:
    """Wraps a Starlette app: refuses some requests, and adds `HEADERS` to every answer.

    Args:
        app: the wrapped app.
        token: that a browser needs; None where only this machine can ask.
        root_path: where a proxy shows the page, as `clean_root_path` gives it. Requests may come
            with this path before theirs, or without it: some proxies take it away.
    """

    def __init__(self, app: ASGIApp, token: Token | None, root_path: str = "") -> None:
        self.app, self.token, self.root_path = app, token, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on to the app."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        if self.root_path and scope["path"].startswith(f"{self.root_path}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self.root_path)}

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._answer(Request(scope)) or self.app)(scope, receive, marked)

    def _answer(self, request: Request) -> Response | None:
        """The answer to a request that the app does not see; None for other requests."""
        if request.method not in METHODS:
            sentence = f"{request.method[:20]}; this page only reads. Use GET."
            return refused(405, sentence, {"Allow": ", ".join(METHODS)})
        if len(request.scope["query_string"]) > MAX_QUERY:
            return refused(414, f"a query; it has at most {MAX_QUERY} characters. Shorten it.")
        if self.root_path and request.scope["path"] == self.root_path:
            # Addresses of the page are relative to a path that ends in a slash.
            query = request.scope["query_string"].decode("latin-1")
            return RedirectResponse(f"{self.root_path}/{'?' * bool(query)}{query}")
        if self.token is None or self.token.fits(request.cookies.get(self.token.cookie, "")):
            return None
        query = parse_qs(request.scope["query_string"].decode("latin-1"))
        if request.scope["path"] == "/" and self.token.fits("".join(query.get("token", []))):
            page = HTMLResponse(ENTER, headers={"Cache-Control": "no-store"})
            # Without a path the cookie is for the path of this page: a proxy may show it anywhere.
            page.set_cookie(
                self.token.cookie, self.token.secret, path=None, httponly=True, samesite="strict"
            )
            return page
        return refused(
            403, "no token; this page is not for everyone. Open the address that was printed."
        )


def refused(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """An error as the page's script and people read it.

    Args:
        status: the code of HTTP.
        sentence: what was wrong, the rule, the remedy.
        headers: added to those of every answer.
    """
    return JSONResponse({"error": sentence}, status, headers)


def clean_root_path(text: str) -> str:
    """The path at which a proxy shows the page, without a slash at its end.

    Args:
        text: as the user typed it.

    Raises: UsageError for a text that is no path.
    """
    if not _ROOT_PATH.fullmatch(text):
        raise UsageError(
            f"--root-path {text[:60]!r}; it is the path of an address, such as /proxy/8000. "
            "Write it with / at its beginning."
        )
    return text.rstrip("/")


def check_host_names(names: Collection[str]) -> None:
    """Raise UsageError for a name that no host can have."""
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise UsageError(
                f"--allow-host {name[:60]!r}; it is the name of a host, such as hub.example.org. "
                "Write it without port and path."
            )


def trusted_hosts(address: str, name: str, allowed: Collection[str] = ()) -> list[str]:
    """The names by which a page may be asked for, so that no other site's name leads to it.

    Another site can let a name of its own point to this machine. A page that listens on one address
    answers only to the names returned here. A page that listens on all addresses answers to every
    name, but needs a token. A browser sends the cookie of the token only to the name that set the
    cookie, so a request by the other site's name is refused.

    Args:
        address: that the page listens on.
        name: of the host as the user gave it.
        allowed: further names, by which a proxy asks.
    """
    if ip_address(address).is_unspecified:
        return ["*"]
    names = {"localhost", "127.0.0.1", "::1", address, name, *allowed}
    return sorted(names | {f"[{host}]" for host in names if ":" in host})
