"""The address of a Jobs API, and a sentence for every answer there that is none of the API's.

A head may want a token, or may have no node yet. A proxy, a login page or another program may
answer instead of a head. Or nobody answers.
"""

import contextlib
import ipaddress
import json
import os
import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import aiohttp

from study.errors import StudyError, one_line

ANSWER_SECONDS = 60.0  # timeout of one request and its answer
_Errors = type[Exception] | tuple[type[Exception], ...]
CHECK = "Check the address and its port (8265), or go through ssh: ray dashboard cluster.yaml"
LOG_IN = (
    "A login page or a proxy may stand in between: log in there, or go through ssh: "
    "ray dashboard cluster.yaml"
)


class UnreachableError(StudyError):
    """The head did not answer; a retry may succeed."""


class NotReadyError(UnreachableError):
    """The head has no node yet that takes jobs; a retry may succeed."""


class StreamRefusedError(StudyError):
    """A proxy before the head passes requests on, but no streams."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer over HTTP, with the attributes that Ray's client uses."""

    status_code: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> object:
        """The text, read as JSON."""
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        """Do nothing: `JobsAddress.refuse` has raised for what is no answer of the Jobs API."""


class JobsAddress:
    """Where a Jobs API is expected: a URL such as http://127.0.0.1:8265.

    `is_here`: whether the URL names this machine, to which no proxy leads.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._host = urlsplit(url).hostname or ""
        self.is_here = _is_here(self._host)

    def fail(self, what: str, remedy: str = CHECK, kind: type[StudyError] = StudyError) -> NoReturn:
        """Raise an error that names this address, what is wrong there, and a remedy.

        Args:
            what: is wrong: "answers with no JSON".
            remedy: a sentence without its full stop; if requests go through a proxy, how to avoid
                the proxy is the remedy instead.
            kind: the class of the error.
        """
        if proxy := self._proxy():
            remedy = f"The proxy {proxy} was asked for it: NO_PROXY={self._host} goes past it"
        raise kind(f"{self.url}: {what}; a running head answers there. {remedy}.") from None

    def _proxy(self) -> str:
        """The proxy that requests to the head go through, without its password; "" without one."""
        if self.is_here or urllib.request.proxy_bypass(self._host):
            return ""
        proxy = urllib.request.getproxies().get(urlsplit(self.url).scheme, "")
        return re.sub(r"//[^/@]*@", "//", proxy)

    @contextlib.contextmanager
    def network_errors_as_sentences(self) -> Iterator[None]:
        """Turn an error of the network into an UnreachableError, or a StreamRefusedError."""
        try:
            yield
        except aiohttp.WSServerHandshakeError as error:
            raise StreamRefusedError(
                f"{self.url}: the log's stream is refused ({error.status})"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what, remedy = next(row[1:] for row in FAILURES if isinstance(error, row[0]))
            reason = one_line(_reason(error)).rstrip(".")[:150]
            self.fail(what.format(reason=reason), remedy, UnreachableError)

    def refuse(self, endpoint: str, answer: HttpAnswer) -> None:
        """Raise unless an answer can be one of the Jobs API.

        Args:
            endpoint: the path of the request.
            answer: to the request.

        Raises: NotReadyError, UnreachableError or StudyError, whichever the answer shows.
        """
        status, gist = answer.status_code, _gist(answer.text)
        is_package = endpoint.startswith("/api/packages/")
        if status < 300 or (status == 404 and is_package):
            if not is_package and not _is_object(answer.text):
                self.fail(f"answers with no JSON ({gist})", LOG_IN)
        elif status < 400:
            target = one_line(answer.headers.get("Location", "elsewhere"))[:100]
            self.fail(f"sends on to {target} ({status})", LOG_IN)
        elif status in {401, 403} and "authentication token" in answer.text:
            self._refuse_token(status, gist)
        elif status in {401, 403, 407}:
            remedy = f"{LOG_IN}. Where the head asks, set RAY_AUTH_MODE=token"
            self.fail(f"asks for a login ({status}: {gist})", remedy)
        elif status == 404 and re.match(r"/api/jobs/[^/]+", endpoint):
            job = unquote(endpoint.split("/")[3])
            raise StudyError(
                f"{job}: no such job there; `study submit` prints the ids. "
                "Check the id, and --cluster or --address."
            )
        elif "No available agent" in answer.text or "get_target_agent" in answer.text:
            raise NotReadyError(
                f"{self.url}: no node takes jobs; a cluster has one soon after its start. "
                "Look at its nodes: ray status."
            )
        elif status >= 500:
            remedy = "Try again, or look at the head's logs"
            self.fail(f"fails ({status}: {gist})", remedy, UnreachableError)
        else:
            self.fail(f"refuses ({status}: {gist})")

    def _refuse_token(self, status: int, gist: str) -> NoReturn:
        remedy = "Set RAY_AUTH_MODE=token, and write the cluster's token to ~/.ray/auth_token"
        if os.environ["RAY_AUTH_MODE"] == "token":
            remedy = "Copy ~/.ray/auth_token from the head, or set RAY_AUTH_TOKEN"
        raise StudyError(
            f"{self.url}: wants the cluster's token ({status}: {gist}); heads of Ray 2.59 and "
            f"later ask for one. {remedy}."
        )


# Errors of the network: classes, of which the first that fits counts; what is wrong; the remedy.
FAILURES: tuple[tuple[_Errors, str, str], ...] = (
    (aiohttp.ClientProxyConnectionError, "the proxy does not answer ({reason})", CHECK),
    (aiohttp.ClientHttpProxyError, "the proxy refuses ({reason})", CHECK),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError),
        "no connection over TLS ({reason})",
        "Write http:// where the head has no TLS",
    ),
    (aiohttp.ClientConnectorDNSError, "no such machine ({reason})", "Check the name"),
    (
        aiohttp.ClientConnectorError,
        "nobody answers ({reason})",
        "Start one, or open the tunnel: ray dashboard cluster.yaml",
    ),
    (TimeoutError, f"no answer within {ANSWER_SECONDS:g} s", CHECK),
    (
        (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError),
        "closes the connection without an answer",
        "Try again: it may be starting. Check the port (8265), too",
    ),
    (aiohttp.ClientResponseError, "speaks no HTTP", CHECK),
    (Exception, "cannot be asked ({reason})", CHECK),
)


def _reason(error: Exception) -> str:
    """Why there is no connection, in the system's words: aiohttp's would repeat the address."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error)
    number, words = error.os_error.errno or 0, error.os_error.strerror
    return os.strerror(number) if number > 0 else words or str(error)


def _is_here(host: str) -> bool:
    """Whether a host's name alone says that it is this machine: a loopback name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _gist(text: str) -> str:
    """The telling words of an answer: the last line of a traceback, a page without its tags."""
    if "Traceback (most" in text:
        text = text.strip().splitlines()[-1]
    words = one_line(re.sub(r"<[^>]*>", " ", text))
    return words[:150] or "empty"
