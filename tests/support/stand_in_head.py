"""A head on loopback that answers as a test wants it to: well, badly, late or never.

It has the Jobs API's routes as Ray 2.60 has them, a log that is read and streamed, and, before all
of them, whatever stands in the way. It serves as a forward proxy, too: a request for another host
that comes to it is answered as if it were that host.
"""

import asyncio
import json
import threading
from types import SimpleNamespace

from aiohttp import WSCloseCode, web

from study.driver.versions import versions

UNAUTHORIZED = "Unauthorized: Missing authentication token"
VERSION = {"version": "4", "ray_version": "2.60.0", "ray_commit": "x", "session_name": "s"}


def page(status, **headers):
    """Answer everything with a web page."""

    async def answer(_):
        text = f"<html><title>Sign in</title><p>status {status}</p></html>"
        return web.Response(status=status, text=text, content_type="text/html", headers=headers)

    return answer


def plain(status, text):
    """Answer everything with a text."""

    async def answer(_):
        return web.Response(status=status, text=text)

    return answer


async def drop(request):
    """Close every connection without an answer."""
    request.transport.abort()
    await asyncio.sleep(3600)


async def hang(_):
    """Take every request and never answer."""
    await asyncio.sleep(3600)


async def drip(request):
    """Begin an answer that never ends, a letter at a time."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


# What stands in the way of a head; what is said of it.
IN_THE_WAY = {
    "token": (plain(401, UNAUTHORIZED), "wants the cluster's token (401: Unauthorized: Missing"),
    "wrong token": (plain(403, "Forbidden: Invalid authentication token"), "wants the cluster's"),
    "login 401": (page(401), "asks for a login (401: Sign in status 401)"),
    "login 403": (page(403), "asks for a login (403: Sign in"),
    "proxy 407": (page(407), "asks for a login (407: Sign in"),
    "login 200": (page(200), "answers with no JSON (Sign in status 200)"),
    "login 302": (page(302, Location="https://sso/login"), "sends on to https://sso/login (302)"),
    "no api": (page(404), "refuses (404: Sign in"),
    "failing": (page(500), "fails (500: Sign in status 500)"),
    "gateway": (page(502), "fails (502: Sign in"),
    "traceback": (plain(500, "Traceback (most recent\n  x\nKeyError: 'gone'"), "KeyError: 'gone'"),
    "a number": (plain(200, "3"), "answers with no JSON (3)"),
    "a list": (plain(200, "[]"), "answers with no JSON ([])"),
    "nothing": (plain(200, ""), "answers with no JSON (empty)"),
    "other json": (plain(200, '{"a": 1}'), "answers, but not as Ray's Jobs API does (KeyError"),
    "old ray": (plain(200, '{"ray_version": "1.2"}'), "Ray version 1.2 is running"),
    "odd ray": (plain(200, '{"ray_version": "main"}'), "as Ray's Jobs API does (InvalidVersion"),
    "dropping": (drop, "closes the connection without an answer"),
    "silent": (hang, "no answer within"),
    "dripping": (drip, "no answer within"),
}  # fmt: skip


class StandInHead:
    """A head with jobs; what it does is set on its attributes, before or while it is asked.

    way: answers a request in place of the head, unless it returns None.
    statuses: what the job says of itself, one an answer, the last for ever.
    log: what the job has written. streams: what the log's streams do, one each, the last for ever:
    pieces of the log to send, and "close", "abort", "hold"; or "drop" alone, or a status to refuse.
    said: the log of the job that is asked for versions; question: that job's command.
    """

    def __init__(self, way=None):
        self.way, self.token = way, None
        self.statuses, self.exit_code, self.message = ["RUNNING"], None, ""
        self.log, self.streams = "", [["hold"]]
        self.said = f"a warning\n{json.dumps(versions())}\nchatter\n"
        self.refusals = []  # answers to the next submissions and stops
        self.asked, self.jobs, self.question = [], {}, ""
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,))
        self._thread.start()
        assert started.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def address(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _serve(self, started):
        async def serve():
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self._answer)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = site._server.sockets[0].getsockname()[1]
            started.set()
            await self._stop.wait()
            await runner.cleanup()

        asyncio.run(serve())

    async def _answer(self, request):
        self.asked.append(SimpleNamespace(
            method=request.method, path=request.path, host=request.host, headers=request.headers,
        ))  # fmt: skip
        way = self.way
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            way = plain(401, UNAUTHORIZED)
        return (await way(request) if way else None) or await self._route(request)

    async def _route(self, request):
        _, kind, *parts = request.path.strip("/").split("/")
        if kind == "packages":
            return web.Response(status=404 if request.method == "GET" else 200)
        if parts and parts[0] not in {"j", *self.jobs}:
            return web.Response(status=404, text=f"Job {parts[0]} does not exist")
        if parts[1:] == ["logs", "tail"]:
            return await self._stream(request)
        if request.method == "POST" and self.refusals:
            return web.Response(status=500, text=self.refusals.pop(0))
        answer = VERSION if kind == "version" else await self._job(request, parts)
        return web.json_response(answer)

    async def _job(self, request, parts):
        """Do what is asked of jobs, or of one; gives the JSON to answer."""
        if not parts:
            job = await request.json()
            name = job.get("submission_id") or "question"
            if name == "question":
                self.question = job["entrypoint"]
            self.jobs[name] = job
            return {"job_id": name, "submission_id": name}
        job, *rest = parts
        if rest == ["logs"]:
            return {"logs": self.said if job == "question" else self.log}
        if rest == ["stop"]:
            self.statuses = ["STOPPED"]
            return {"stopped": True}
        if request.method == "DELETE":
            del self.jobs[job]
            return {"deleted": True}
        return self._details(job)

    def _details(self, job):
        if job == "question":
            status = "SUCCEEDED"
        else:
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {
            "type": "SUBMISSION", "submission_id": job, "job_id": None, "status": status,
            "entrypoint": "x", "message": self.message, "start_time": 1, "end_time": None,
            "metadata": {}, "runtime_env": {}, "driver_info": None, "error_type": None,
            "driver_agent_http_address": None, "driver_node_id": None,
            "driver_exit_code": self.exit_code,
        }  # fmt: skip

    async def _stream(self, request):
        script = self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]
        if isinstance(script[0], int):
            return web.Response(status=script[0], text="no streams here")
        if script == ["drop"]:
            return await drop(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for piece in script:
            if piece == "hold":
                await socket.receive()
            elif piece == "abort":
                request.transport.abort()
            elif piece == "close":
                await socket.close(code=WSCloseCode.OK)
            else:
                await socket.send_str(piece)
        return socket


def one_error(err):
    """The error, which is the last line of stderr; the lines before it are notes of waits."""
    *notes, last = err.splitlines()
    assert last.startswith("error: http"), err
    assert last.endswith("."), err
    assert all("waiting for an answer" in note for note in notes), err
    return last
