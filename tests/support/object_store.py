"""moto's S3 on loopback behind a gate, where a test can count, hold and fail what passes."""

import contextlib
import logging
import re
import threading
import time
from dataclasses import dataclass, field

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

BUCKET = "bucket"

logging.getLogger("werkzeug").setLevel(logging.ERROR)


@dataclass
class Watch:
    """The first PUT whose path matches, after `skip` that do. `seen` is set, with `path`.

    With `hold`, before the store has it, and it waits for `go`; else after. With `lie`, the store
    has it and the client is told that it failed.
    """

    pattern: str
    skip: int = 0
    hold: bool = False
    lie: bool = False
    path: str = ""
    seen: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


class ObjectStore:
    """A bucket, with what the environment of its clients says."""

    def __init__(self):
        self._s3 = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._pass, threaded=True)
        self.environment = {
            "AWS_ACCESS_KEY_ID": "simulated-id",
            "AWS_SECRET_ACCESS_KEY": "simulated-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
        }
        self.failing_until = 0.0
        self.watch = None
        self.requests = []
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def make_bucket(self):
        """Once the environment is set; moto keeps what it has as long as the process lives."""
        s3_backends.reset()
        boto3.client("s3").create_bucket(Bucket=BUCKET)

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _pass(self, environ, start_response):
        put, path = environ["REQUEST_METHOD"] == "PUT", environ["PATH_INFO"]
        self.requests.append((environ["REQUEST_METHOD"], path))
        if time.monotonic() < self.failing_until:
            return self._fail(environ, start_response)
        watch = self.watch
        if watch is None or not put or not re.search(watch.pattern, path):
            return self._s3(environ, start_response)
        if watch.skip:
            watch.skip -= 1
            return self._s3(environ, start_response)
        self.watch, watch.path = None, path
        if watch.hold:
            watch.seen.set()
            watch.go.wait(timeout=60)
            return self._s3(environ, start_response)
        answer = list(self._s3(environ, start_response if not watch.lie else lambda *_: None))
        watch.seen.set()
        return self._fail(environ, start_response) if watch.lie else answer

    @staticmethod
    def _fail(environ, start_response):
        with contextlib.suppress(Exception):  # what is left of it
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"injected"]
