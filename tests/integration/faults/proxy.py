"""A proxy in front of the S3 server that can fail, dawdle, or not be there at all."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# These belong to one connection, or are written anew.
OWN_HEADERS = {"connection", "keep-alive", "transfer-encoding", "expect", "date", "server"}


class Proxy:
    """Passes requests on to `upstream`. Faults hold for the PUTs of results, so that inputs can be stored."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream).netloc
        self.failures = 0
        """So many PUTs are still answered with 500."""
        self.delay_seconds = 0.0
        self.failed = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address, which stays."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_closed(self) -> bool:
        """Whether it refuses everybody."""
        return self._server is None

    def open(self) -> None:
        """Begins to listen."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                if proxy.is_closed:  # a connection that was kept is cut as well
                    self.close_connection = True
                    return
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, headers, answer = proxy.answer(self.command, self.path, dict(self.headers), data)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                if "content-length" not in {name.lower() for name, _ in headers}:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        for method in ("GET", "PUT", "HEAD", "DELETE", "POST"):
            setattr(Handler, f"do_{method}", Handler.pass_on)
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """From now on connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(
        self, method: str, path: str, headers: dict[str, str], data: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body."""
        if method == "PUT" and "/results/" in path:
            time.sleep(self.delay_seconds)
            with self._lock:
                if self.failures > 0:
                    self.failures -= 1
                    self.failed += 1
                    return 500, [], b"<Error><Code>InternalError</Code></Error>"
        passed = {name: value for name, value in headers.items() if name.lower() not in OWN_HEADERS}
        connection = http.client.HTTPConnection(self._upstream, timeout=10)
        try:
            connection.request(method, path, data, passed)
            got = connection.getresponse()
            kept = [(name, value) for name, value in got.getheaders() if name.lower() not in OWN_HEADERS]
            return got.status, kept, got.read()
        finally:
            connection.close()


@contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """A proxy that listens."""
    proxy = Proxy(upstream)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
