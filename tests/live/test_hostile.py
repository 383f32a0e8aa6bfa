"""Requests that no browser would send: the live page answers or refuses, and shows nothing else."""

import contextlib
import gzip
import http.client
import io
import json
import random
import socket
from collections import Counter
from urllib.parse import quote, urlsplit

from asking import api, serving
from simulated import QUICK, simulate

FEW = {**QUICK, "axes": {**QUICK["axes"], "weight_decay": [0.001, 0.01], "train_size": [400, 600]}}

PATHS = [
    "/", "/api/state", "/api/stripes", "/api/cell", "/api/trial", "/api/trials", "/api/download",
    "/assets/page.js", "/api/strip?axis=train_size",
    "/assets/../../secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/%2e%2e/secret.txt",
    "/assets/....//secret.txt", "/assets/..\\..\\secret.txt", "/assets//etc/passwd", "/..%00/x",
    "/assets/%252e%252e%252fsecret.txt", "//evil.example/", "/assets/page.js%00.css", "/api/../../",
    "http://evil.example/secret.txt", "file:///etc/passwd", "*", "/study.json", "/trials/", "",
    "/%ff%fe", "/\xe9", "/assets/" + "a" * 5_000, "/api/state/", "/api//state", "/%u002e",
]  # fmt: skip
DEEP = [
    ("/api/trials", ["where", "where", "sort", "descending", "offset", "limit"]),
    ("/api/download", ["where", "format"]),
    ("/api/trial", ["trial_id"]),
    ("/api/strip", ["axis", "where"]),
    ("/api/cell", ["weight_decay", f"weight_decay=0.01&train_size=400&{'x' * 9}", "train_size"]),
]
NAMES = ["where", "sort", "descending", "offset", "limit", "format", "trial_id", "weight_decay",
         "train_size", "token", "__class__", "", "a[]", "%00", "where" * 100, "Ünï"]  # fmt: skip
VALUES = [
    "", "0", "-1", "1e999", "9" * 400, "NaN", "null", "true", "0x10", "1_000", "٣", "csv", "seed",
    "../../secret.txt", "/etc/passwd", "\x00", "\r\nX-Injected: 1", "\u202e", "\ud7ff", "%", "%zz",
    "<script>alert(1)</script>", "' or 1==1 --", "__import__('os').system('id')", "a" * 20_000,
    "k == 2", "k == 2)", "(" * 300 + "k == 2", "not " * 500 + "k", "k in [" + "1," * 1500 + "1]",
    "seed == 99999999999999999999999", "k == 1e308", 'ended == "\x00"', "ended < device", "k is k",
    "trial_id.__class__ == 1", "seed == 1; drop table trials", 'ended in ["a"', "k < < 2", "1 == 1",
    "seed in [9223372036854775808]", "train_size == 9223372036854775807", "not not true", "k=2",
]  # fmt: skip
METHODS = ["HEAD", "POST", "PUT", "CONNECT", "PRI", "get", "G\x00T", "A" * 300]
HEADERS = [
    "", "Host: evil.example", "Host: a\r\nHost: b", "Host:", "Host: [::1", "Host: \xff",
    "If-None-Match: " + '"' * 3_000, "If-None-Match: *", "X: " + "a" * 70_000, "X\x00: 1", ": 1",
    "Content-Length: -1", "Content-Length: 99999999999", "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 3", "Range: bytes=0-1,5-2", "Expect: 1",
    "Cookie: " + "a=b;" * 2_000, "Cookie: \x01", "Upgrade: websocket\r\nConnection: Upgrade",
    "Accept-Encoding: gzip;q=x, *;q=", "X-Forwarded-For: 1", "X-Original-URL: /../secret.txt",
]  # fmt: skip
REFUSALS = {400, 403, 404, 405, 414, 431}


def hostile(chance):
    """One request that no browser would send, as bytes; now and then an ordinary request."""
    header = chance.choice(HEADERS) if chance.random() < 0.3 else ""
    if chance.random() < 0.5:  # nothing is wrong but one value
        path, names = chance.choice(DEEP)
        path += f"?{chance.choice(names)}={quote(chance.choice(VALUES), safe='')}"
    else:
        path = chance.choice(PATHS)
        for number in range(chance.choice([0, 1, 1, 2, 3])):
            name, value = chance.choice(NAMES), chance.choice(VALUES)
            raw = chance.random() < 0.2
            name, value = (text if raw else quote(text, safe="") for text in (name, value))
            path += f"{'&' if number else '?'}{name}={value}"
    method = chance.choice(METHODS) if chance.random() < 0.2 else "GET"
    version = chance.choice(["HTTP/1.0", "HTTP/9", ""]) if chance.random() < 0.1 else "HTTP/1.1"
    host = "" if header.startswith("Host") else "Host: 127.0.0.1\r\n"
    head = f"{method} {path} {version}\r\n{host}{header}"
    return f"{head.rstrip()}\r\nConnection: close\r\n\r\n".encode("utf-8", "surrogatepass")


def exchange(port, request):
    """All that a server answers to some bytes; the server may close the connection."""
    said = b""
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", port), timeout=60) as line,
    ):
        line.sendall(request)
        while piece := line.recv(1 << 16):
            said += piece
    return said


def first_answer(said, method):
    """Status, headers and body of the first answer in some bytes."""
    line = type("Line", (), {"makefile": lambda *_: io.BytesIO(said)})
    answer = http.client.HTTPResponse(line, method=method)
    answer.begin()
    body = answer.read()
    packed = answer.headers.get("Content-Encoding") == "gzip" and body
    return answer.status, answer.headers, gzip.decompress(body) if packed else body


def test_500_hostile_requests_are_answered_or_refused(tmp_path):
    """Never an error of the server, a file outside the store, or a line of a stack trace."""
    (tmp_path / "secret.txt").write_text("the secret beside the store")
    store = simulate(tmp_path / "quick", FEW)
    chance = random.Random(501)
    seen = Counter()
    with serving(store) as served:
        port = urlsplit(served.url).port
        for _ in range(500):
            request = hostile(chance)
            said = exchange(port, request)
            for never in (b"Traceback", b'File "', b"the secret", b"root:x"):
                assert never not in said, request[:300]
            if not said:
                seen["hung up"] += 1
                continue
            method = request.split(maxsplit=1)[0].decode()
            status, headers, body = first_answer(said, method)
            seen[status] += 1
            assert status in {200, 304, *REFUSALS}, (request[:300], said[:300])
            assert "X-Injected" not in headers, request[:300]
            if status in REFUSALS and headers["Content-Type"] == "application/json" and body:
                assert list(json.loads(body)) == ["error"], request[:300]
            assert b"Traceback" not in body
        assert api(served, "state")["trials"] == 20
    assert seen["hung up"] < 50
    assert {200, 400, 404, 405, 414} <= set(seen), seen
    assert seen[200] > 20
