"""The live page of a run, for `study run --serve`: `python -m analysis.live.run_page`."""

import json
import sys
from functools import partial

import uvicorn

from analysis.live.jobs import start_job
from analysis.live.serve import Served
from study.terminal.console import end_despite_threads, tolerated


def main() -> None:
    """Serve the page of the store whose address is the first line of stdin, as JSON.

    Prints the address of the page once it answers, and ends when stdin is closed. An error is a
    warning on stderr.
    """
    end_despite_threads(lambda: 0)
    with tolerated("no live page"):
        served = Served(json.loads(sys.stdin.buffer.readline()))
        served.run(partial(_ready, served.url))


def _ready(url: str, server: uvicorn.Server) -> None:
    """Print the address, and end the server when stdin is closed."""

    def follow() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    start_job("stdin", follow)


if __name__ == "__main__":
    main()
