"""The watcher of the spot notice, against a metadata service that asks for tokens as EC2's does."""

import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from study.driver import spot


class Metadata(BaseHTTPRequestHandler):
    """After `quiet` questions it says nonsense once, then that the instance is taken in 100 s."""

    def do_PUT(self):
        assert self.path == "/latest/api/token"
        assert int(self.headers["X-aws-ec2-metadata-token-ttl-seconds"]) > 0
        self.answer(200, b"token")

    def do_GET(self):
        assert self.path == "/latest/meta-data/spot/instance-action"
        if self.headers["X-aws-ec2-metadata-token"] != "token":
            self.answer(401, b"")
            return
        self.server.asked += 1
        if self.server.asked <= self.server.quiet:
            self.answer(404, b"")
        elif self.server.asked == self.server.quiet + 1:
            self.answer(200, b"<html>")
        else:
            end = datetime.now(UTC) + timedelta(seconds=100)
            said = {"action": "terminate", "time": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
            self.answer(200, json.dumps(said).encode())

    def answer(self, code, content):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        server.asked, server.quiet = 0, 2
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_node_drains_when_the_notice_comes_and_not_before(server):
    drained, asked = [], []

    def drain(seconds):
        drained.append(seconds)
        asked.append(server.asked)
        return len(drained) == 2  # Ray does not hear the first time

    metadata = f"http://127.0.0.1:{server.server_port}/latest"
    assert spot.drain_at_notice(drain, metadata, poll_seconds=0.01).startswith("drained: ")
    assert asked == [4, 5]
    assert all(95 < seconds <= 100 for seconds in drained)


def test_a_machine_without_the_service_is_left_alone():
    def drain(_):
        raise AssertionError

    assert "not EC2's" in spot.drain_at_notice(
        drain, "http://127.0.0.1:9/latest", poll_seconds=0.01
    )


def test_draining_is_a_command_that_ray_knows(monkeypatch):
    from ray.scripts.scripts import drain_node

    called = []
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 0)
    assert spot.drain(99.7)
    [command] = called
    at = command.index("drain-node")
    context = drain_node.make_context("drain-node", command[at + 1 :])
    assert context.params["deadline_remaining_seconds"] == 99
    assert context.params["reason"] == "DRAIN_NODE_REASON_PREEMPTION"
    assert context.params["node_id"] is None, "the node that it runs on"
