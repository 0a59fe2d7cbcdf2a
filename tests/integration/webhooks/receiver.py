"""A server on a port of its own, for webhooks or pictures, which answers as a test tells it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Headers and status; or a function that writes what it likes to the handler.
Answer = tuple[int, dict[str, str]] | Callable[[BaseHTTPRequestHandler], None]
OK: Answer = (204, {})


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`answers` are used up one by one; after the last, and without any, everything is answered with 204."""

    port: int = 0
    scheme: str = "http"
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def url(self, host: str = "127.0.0.1", path: str = "/in") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def take(self, one: Received) -> Answer:
        with self.changed:
            self.received.append(one)
            self.changed.notify_all()
            return self.answers.pop(0) if self.answers else OK

    def wait_for(self, count: int, seconds: float = 10.0) -> list[Received]:
        """The requests so far, once there are `count`."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, seconds), self.received
            return list(self.received)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A running receiver."""
    receiver = Receiver(scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = receiver.take(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if callable(answer):
                answer(self)
                return
            self.send_response(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815  (the name that the base class looks for)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  (senders that hang up are part of the tests)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
