"""Reverse proxies that show a server of this machine below a path: a small one, and nginx."""

import socket
import subprocess
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        prefix, port, strips, keeps_host = self.server.rules
        if not self.path.startswith(f"{prefix}/"):
            self.send_error(404)
            return
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        if not keeps_host:
            headers["Host"] = f"127.0.0.1:{port}"
        connection = HTTPConnection("127.0.0.1", port, timeout=100)
        connection.request("GET", self.path[len(prefix) * strips :], headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def proxied(port, prefix, *, strips, keeps_host):
    """A proxy that shows the server at `port` below a path; gives the proxy's port.

    Args:
        port: of the server, on this machine.
        prefix: the path; elsewhere the proxy answers 404.
        strips: whether requests go on without the path.
        keeps_host: whether they go on with the name that the browser asked for.
    """
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    proxy.rules = (prefix, port, strips, keeps_host)
    thread = Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield proxy.server_address[1]
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


# As little as nginx starts with; it writes into one folder alone.
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


@contextmanager
def nginx(folder, location):
    """A real nginx on this machine alone; gives its port.

    Args:
        folder: for its files.
        location: the block of its configuration that says what it shows.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = folder / "nginx.conf"
    path.write_text(_NGINX.format(folder=folder, port=port, location=location))
    process = subprocess.Popen(["nginx", "-e", f"{folder}/error.log", "-c", str(path)])
    try:
        while process.poll() is None:  # until it listens
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                continue
        assert process.poll() is None, (folder / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait()
