"""One HTTP connection, with bounds on what a caller may make it hold and on how long it may keep it waiting.

uvicorn's httptools parser has neither: heads may grow without end, and a byte an hour keeps a connection open.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Literal

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from producer.api.problems import refusal_response
from producer.errors import ComeAgain, Refusal
from storage.repeats import Repeats

log = structlog.get_logger(__name__)
_refusals = Repeats()

# The request line and all header fields of one request.
MOST_HEAD_BYTES, MOST_FIELDS = 64 * 1024, 100
# Requests that are sent before the one at hand was answered.
MOST_AHEAD = 16
MOST_CONNECTIONS, COME_AGAIN_SECONDS = 5000, 5.0
# For a head, and for what is left of a body once it was answered.
HEAD_SECONDS = 10.0
# Of a body that is waited for, so much must come in each stretch of so many seconds.
STRETCH_SECONDS, STRETCH_BYTES = 20.0, 160 * 1024
# A caller who takes nothing of its answer for so long is let go.
STUCK_SECONDS = 60.0
# Whoever is refused may still be sending, and would miss the answer if the connection were cut at once.
LINGER_SECONDS = 1.0


class _Refused(Exception):
    """Leaves the parser, which must not read on."""


class Wire(HttpToolsProtocol):
    """uvicorn's protocol; `look` is to be called about every second."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head is awaited."""
        super().connection_made(transport)
        self._code = "http_invalid"
        self._is_refused = False
        self._head_bytes = self._came = self._unsent = 0
        self._coming: Literal["head", "body"] | None = "head"
        self._since = self._moved_at = self.loop.time()
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse("server_busy")

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head that does not end."""
        if self._is_refused:
            return
        in_head = self._coming == "head"
        super().data_received(data)
        if self._is_refused:
            return
        if self._coming is None and (self.cycle is None or self.cycle.response_complete):
            self._await("head")  # of line breaks alone the parser makes no request
        self._head_bytes += len(data) if in_head and self._coming == "head" else 0
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse("headers_too_large")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._await("head")

    def on_headers_complete(self) -> None:
        """Raises, which the parser passes on as an error of its own, when there is too much of it."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES or len(self.headers) > MOST_FIELDS:
            self._code = "headers_too_large"
            raise _Refused
        if len(self.pipeline) >= MOST_AHEAD:
            raise _Refused
        super().on_headers_complete()
        self._await("body")

    def on_body(self, body: bytes) -> None:
        """Counts it."""
        self._came += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Now it is for the application to do something."""
        super().on_message_complete()
        self._await(None)

    def on_response_complete(self) -> None:
        """What is left of the body has little time from now on."""
        self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Answers what cannot be read, with the problem that it has."""
        self._refuse(self._code)

    def look(self, now: float) -> None:
        """Ends the connection if its caller is too slow; `now` by the loop's clock."""
        self._look_at_answer(now)
        if self._is_refused or self.transport.is_closing():
            return
        if self._coming == "head" and now - self._since > HEAD_SECONDS:
            self._refuse("request_too_slow")
        elif self._coming == "body":
            self._look_at_body(now)

    def _look_at_body(self, now: float) -> None:
        if self.cycle.response_complete:
            if now - self._since > HEAD_SECONDS:
                self.transport.close()
        elif self.cycle.response_started or self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # It is answered while it comes (a batch has times of its own), or it is we who let the caller wait.
            self._await("body")
        elif now - self._since > STRETCH_SECONDS:
            if self._came < STRETCH_BYTES:
                self._refuse("request_too_slow")
            else:
                self._await("body")

    def _look_at_answer(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._moved_at = unsent, now
        elif now - self._moved_at > STUCK_SECONDS:
            log.info("answer_not_taken", bytes=unsent)
            self.transport.abort()

    def _await(self, what: Literal["head", "body"] | None) -> None:
        self._coming, self._since, self._came, self._head_bytes = what, self.loop.time(), 0, 0

    def _refuse(self, code: str) -> None:
        """Answers, unless something was answered already, and closes; the application takes it for a hang-up."""
        if count := _refusals.note():
            log.info("connections_refused", count=count, code=code)
        self._is_refused = True
        answering = self.cycle is not None and not self.cycle.response_complete
        if not (answering and self.cycle.response_started):
            self.transport.write(_answer(_refusal(code)))
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


def _refusal(code: str) -> Refusal:
    if code == "server_busy":
        detail = "This process holds as many connections as it may."
        return ComeAgain(code, detail, COME_AGAIN_SECONDS)
    return Refusal(code, _DETAILS[code])


def _answer(refusal: Refusal) -> bytes:
    response = refusal_response(refusal)
    status = response.status_code
    fields = [b"%s: %s\r\n" % field for field in [*response.raw_headers, (b"connection", b"close")]]
    return b"".join([f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode(), *fields, b"\r\n", response.body])


_DETAILS = {
    "http_invalid": f"This is not HTTP/1.1, or more than {MOST_AHEAD} requests come before the answer to the first.",
    "headers_too_large": f"The head of a request has at most {MOST_HEAD_BYTES} bytes and {MOST_FIELDS} fields here.",
    "request_too_slow": (
        f"A head has to come within {HEAD_SECONDS:g} s, and of a body {STRETCH_BYTES // 1024} KiB in each stretch "
        f"of {STRETCH_SECONDS:g} s."
    ),
}
