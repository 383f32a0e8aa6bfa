"""A live page served on loopback, and what is asked of it over HTTP."""

import gzip
import http.client
import json
import time
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from urllib.parse import urlencode, urlsplit

import pytest

from analysis.live.serve import Served


@contextmanager
def serving(store, *arguments):
    """Serve a store in a thread, on a port of its own; gives its `Served`."""
    served, started = Served(str(store), *arguments), Queue()
    thread = Thread(target=served.run, args=(started.put,))
    thread.start()
    server = started.get(timeout=60)
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def without_fits(laws_html):
    """Live pages show `laws_html` instead of fitted laws, whose seconds no test here waits for.

    In force for a whole module: a server of the module reads before the first test begins.
    """
    laws = {"laws": [], "laws_html": laws_html, "circuits": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.live.law_reader.law_state", lambda _store, _trials, grid: laws)
        yield


@contextmanager
def ended(process):
    """Kill a process when the test ends, whatever fails in between."""
    with process:
        try:
            yield process
        finally:
            process.kill()


class Answer:
    """Status, headers and unpacked body of an answer over HTTP."""

    def __init__(self, served, path, method="GET", **headers):
        port = urlsplit(served.url).port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            self.body = gzip.decompress(self.body)
        connection.close()

    @property
    def json(self):
        return json.loads(self.body)


def api(served, name, **query):
    answer = Answer(served, f"/api/{name}?{urlencode(query)}")
    assert answer.status == 200, answer.body
    return answer.json


def state_of(served, condition, seconds=60):
    """The state, as soon as it fulfills a condition."""
    deadline = time.monotonic() + seconds
    while not condition(state := api(served, "state")):
        assert time.monotonic() < deadline, state
        time.sleep(0.1)
    return state
