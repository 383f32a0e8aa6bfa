"""The live page over HTTP: requests are checked, and answered from snapshots of a store.

Nothing of a request becomes a path. Pages and scripts are looked up in a table in memory, trials
and cells by their names. Every answer has an ETag, so that polling an idle study costs a few bytes.
"""

import errno
import hashlib
import secrets
import socket
import sys
from collections.abc import Callable, Collection
from functools import cached_property
from ipaddress import ip_address
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from analysis.live.answers import Answers
from analysis.live.guard import (
    Guard,
    Token,
    check_host_names,
    clean_root_path,
    refused,
    trusted_hosts,
)
from analysis.live.queries import (
    FILE_PARSERS,
    FILES,
    FIRST_PAGE,
    SELECTED_PARSERS,
    STATE_PARSERS,
    STRIP_PARSERS,
    TABLE_PARSERS,
    TRIAL_PARSERS,
    FileQuery,
    TableQuery,
    labels_of,
    query_of,
)
from analysis.live.retraining import LearnedAnswer, Replays
from analysis.live.snapshot import LiveStudy, compact_json
from analysis.live.waiting import begin_command, store_to_come
from analysis.report.page import live_files
from study.errors import StudyError, UsageError

# How long a thread works before others have a turn. At Python's 5 ms, a click took 2.5 s while the
# store was read.
TURN_SECONDS = 1e-4
JSON = "application/json"


class _Routes:
    """One method for each route; each method runs in a thread of its own."""

    def __init__(self, study: LiveStudy) -> None:
        self._answers = Answers(study)
        self._replays = Replays(study.store)

    @cached_property  # making the files takes two seconds; another thread reads the store meanwhile
    def _files(self) -> dict[str, tuple[str, bytes]]:
        return live_files()

    def page(self, request: Request) -> Response:
        query_of(request, {})
        return self._file(request, "")

    def asset(self, request: Request) -> Response:
        query_of(request, {})
        return self._file(request, request.path_params["name"])

    def _file(self, request: Request, name: str) -> Response:
        if name not in self._files:
            raise HTTPException(404)
        kind, content = self._files[name]
        return _tagged(request, content, kind)

    def state(self, request: Request) -> Response:
        patience = query_of(request, STATE_PARSERS).get("patience")
        return _tagged(request, self._answers.state(None if patience is None else int(patience)))

    def stripes(self, request: Request) -> Response:
        query_of(request, {})
        return _tagged(request, compact_json(self._answers.stripes()))

    def selected(self, request: Request) -> Response:
        where = str(query_of(request, SELECTED_PARSERS).get("where", ""))
        return _tagged(request, compact_json(self._answers.selected(where)))

    def strip(self, request: Request) -> Response:
        query = query_of(request, STRIP_PARSERS)
        if "axis" not in query:
            raise UsageError("axis; its values have the rows of the strip. Add it.")
        answer = self._answers.strip(str(query["axis"]), str(query.get("where", "")))
        return _tagged(request, compact_json(answer))

    def cell(self, request: Request) -> Response:
        return _tagged(request, compact_json(self._answers.cell(labels_of(request))))

    def trial(self, request: Request) -> Response:
        return self._of_trial(request, self._answers.trial)

    def learned(self, request: Request) -> Response:
        return self._of_trial(request, self._learned)

    def _learned(self, trial_id: str) -> LearnedAnswer | None:
        """What a network has learned, or how far its training is; None without such a trial."""
        found = self._answers.trial(trial_id)
        return None if found is None else self._replays.ask(str(found["row"]["trial_id"]))

    def _of_trial(self, request: Request, answer_of: Callable[[str], object | None]) -> Response:
        query = query_of(request, TRIAL_PARSERS)
        if "trial_id" not in query:
            raise UsageError("trial_id; it names the trial. Add it.")
        trial_id = str(query["trial_id"])
        answer = answer_of(trial_id)
        if answer is None:
            return refused(404, f"{trial_id[:60]!r}; no trial has this id.")
        return _tagged(request, compact_json(answer))

    def trials(self, request: Request) -> Response:
        query = cast("TableQuery", {**FIRST_PAGE, **query_of(request, TABLE_PARSERS)})
        return _tagged(request, compact_json(self._answers.table(**query)))

    def download(self, request: Request) -> Response:
        query = cast("FileQuery", {"format": "csv", "where": "", **query_of(request, FILE_PARSERS)})
        form = query["format"]
        name = {"Content-Disposition": f'attachment; filename="trials.{form}"'}
        pieces = self._answers.file(form, query["where"])
        return StreamingResponse(pieces, media_type=FILES[form], headers=name)


def make_app(
    study: LiveStudy, hosts: list[str], token: Token | None = None, root_path: str = ""
) -> Starlette:
    """The page as an ASGI app.

    Args:
        study: that the page shows.
        hosts: the names by which the page may be asked for, as `trusted_hosts` gives them.
        token: that a browser needs, if any.
        root_path: where a proxy shows the page, "" for none.
    """
    routes = _Routes(study)
    app = Starlette(
        routes=[
            Route("/", routes.page),
            Route("/assets/{name}", routes.asset),
            Route("/api/state", routes.state),
            Route("/api/stripes", routes.stripes),
            Route("/api/selected", routes.selected),
            Route("/api/strip", routes.strip),
            Route("/api/cell", routes.cell),
            Route("/api/trial", routes.trial),
            Route("/api/learned", routes.learned),
            Route("/api/trials", routes.trials),
            Route("/api/download", routes.download),
        ],
        middleware=[
            Middleware(Guard, token=token, root_path=root_path),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6),
        ],
        exception_handlers={
            StudyError: _sentence,
            HTTPException: _not_found,
        },
    )
    app.router.redirect_slashes = False
    return app


def _not_found(_request: Request, _error: Exception) -> Response:
    return refused(404, "nothing is here; the page is at /. Go there.")


def _sentence(_request: Request, error: Exception) -> Response:
    """An error as one sentence: the request is wrong, or the store cannot be read now."""
    return refused(400 if isinstance(error, UsageError) else 503, str(error))


def _tagged(request: Request, content: bytes, kind: str = JSON) -> Response:
    """An answer with its ETag, or 304 where the browser has this answer already."""
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    held = [item.strip() for item in request.headers.get("if-none-match", "").split(",")]
    if tag in held or tag.removeprefix("W/") in held:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


class Served:
    """A server of one store's page: its port listens at once, and is answered while `run` runs.

    Args:
        store_url: path or URL of the store.
        host: an address or a name of this machine.
        port: to listen on; 0: any that is free.
        root_path: the path at which a proxy shows the page, such as /proxy/8000.
        allow_hosts: names by which a proxy asks for the page. A browser then needs a token.

    Attributes:
        url: of the page, with the token if a browser needs one.
        behind: the page's path behind a proxy, with the token.
        open: whether other machines may ask for the page without a proxy.
        begin: the command that begins the study where there is no store yet, otherwise "".

    Raises: StoreError as `store_to_come`; UsageError for host, path and names; StudyError for the
        port.
    """

    def __init__(
        self,
        store_url: str,
        host: str = "127.0.0.1",
        port: int = 0,
        root_path: str = "",
        allow_hosts: Collection[str] = (),
    ) -> None:
        root_path = clean_root_path(root_path)
        check_host_names(allow_hosts)
        store = store_to_come(store_url)
        self.begin = "" if store.exists() else begin_command(store.url)
        self._socket = _listen(host, port)
        address, port = self._socket.getsockname()[:2]
        self.open = not ip_address(address).is_loopback
        hosts = trusted_hosts(address, host, allow_hosts)
        needed = self.open or bool(allow_hosts)
        token = Token(secrets.token_urlsafe(24), f"analysis-{port}") if needed else None
        # A browser cannot ask for an unspecified address. The machine's name stands for it.
        name = socket.gethostname() if ip_address(address).is_unspecified else host
        name = f"[{name}]" if ":" in name else name
        self.behind = f"{root_path}/" + (f"?token={token.secret}" if token else "")
        self.url = f"http://{name}:{port}{self.behind}"
        app = make_app(LiveStudy(store), hosts, token, root_path)
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )

    def run(self, ready: Callable[[uvicorn.Server], None]) -> None:
        """Answer until interrupted, which raises KeyboardInterrupt.

        Args:
            ready: is called with the server once it answers. The server ends when its `should_exit`
                is set.
        """
        sys.setswitchinterval(TURN_SECONDS)
        _Server(self._config, ready).run(sockets=[self._socket])


class _Server(uvicorn.Server):
    """A server that calls `ready` once it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[uvicorn.Server], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready(self)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises UsageError for the host, StudyError for the port."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise UsageError(
            f"--host {host[:60]!r}; a host is an address or a name of this machine. "
            "Leave it out for 127.0.0.1."
        ) from None
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"--host {host}; not an address of this machine. Leave it out for 127.0.0.1."
            ) from None
        raise StudyError(
            f"port {port} of {host}: {error.strerror}; a page has a port of its own. "
            "Leave out --port for any that is free."
        ) from None
    return listening
