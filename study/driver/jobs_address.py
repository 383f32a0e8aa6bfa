"""What a head answers, and what answers in its place: each in one sentence.

A head wants a token, or has no node yet. A proxy, a login page or another program stands where a
head was looked for. Nobody is there.
"""

import contextlib
import ipaddress
import json
import os
import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import aiohttp

from study.errors import StudyError, one_line

ANSWER_SECONDS = 60.0  # for one request and its answer
CHECK = "Check the address and its port (8265), or go through ssh: ray dashboard cluster.yaml"
LOG_IN = (
    "A login page or a proxy may stand in between: log in there, or go through ssh: "
    "ray dashboard cluster.yaml"
)


class UnreachableError(StudyError):
    """The head did not answer this time; it may answer the next time."""


class NotReadyError(UnreachableError):
    """The head has no node yet that takes jobs."""


class StreamRefusedError(StudyError):
    """What stands before the head passes requests on, but no streams."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer over HTTP, with the names under which Ray's client looks for its parts."""

    status_code: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The text, read as JSON."""
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        """Do nothing: `JobsAddress.refuse` has taken out what is not an answer of the Jobs API."""


class JobsAddress:
    """An address at which a head is looked for, such as http://127.0.0.1:8265."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._host = urlsplit(address).hostname or ""
        self.is_here = _is_here(self._host)

    def fail(self, what: str, remedy: str = CHECK, kind: type[StudyError] = StudyError) -> NoReturn:
        """Raise an error of this address; where a proxy is on the way, the proxy is the remedy."""
        if proxy := self._proxy():
            remedy = f"The proxy {proxy} was asked for it: NO_PROXY={self._host} goes past it"
        raise kind(f"{self.address}: {what}; a running head answers there. {remedy}.") from None

    def _proxy(self) -> str:
        """The proxy that requests to the head go through, without its password; "" without one."""
        if self.is_here or urllib.request.proxy_bypass(self._host):
            return ""
        found = urllib.request.getproxies().get(urlsplit(self.address).scheme, "")
        return re.sub(r"//[^/@]*@", "//", found)

    @contextlib.contextmanager
    def plainly(self) -> Iterator[None]:
        """Whatever keeps an answer from coming, in one sentence."""
        try:
            yield
        except aiohttp.WSServerHandshakeError as error:
            raise StreamRefusedError(
                f"{self.address}: the log's stream is refused ({error.status})"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what, remedy = next(row[1:] for row in FAILURES if isinstance(error, row[0]))
            reason = one_line(_reason(error)).rstrip(".")[:150]
            self.fail(what.format(reason=reason), remedy, UnreachableError)

    def refuse(self, endpoint: str, answer: HttpAnswer) -> None:
        """Raise unless an answer can be one of the Jobs API."""
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
                f"{self.address}: no node takes jobs; a cluster has one soon after its start. "
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
            f"{self.address}: wants the cluster's token ({status}: {gist}); heads of Ray 2.59 and "
            f"later ask for one. {remedy}."
        )


# What keeps an answer from coming: its kinds, of which the first that fits counts; what is said;
# what helps.
FAILURES: tuple[tuple[Any, str, str], ...] = (
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
    """Why there is no connection, in the system's words; aiohttp's hold an address once more."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error)
    number, words = error.os_error.errno or 0, error.os_error.strerror
    return os.strerror(number) if number > 0 else words or str(error)


def _is_here(host: str) -> bool:
    """Whether a host is this machine by its name alone: loopback, to which no proxy leads."""
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
    """The words of an answer that say most: a traceback's last line, a page without its tags."""
    if "Traceback (most" in text:
        text = text.strip().splitlines()[-1]
    words = one_line(re.sub(r"<[^>]*>", " ", text))
    return words[:150] or "empty"
