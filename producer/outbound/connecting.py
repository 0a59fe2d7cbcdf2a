"""Connections to checked addresses only, with one deadline over everything that happens on them."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import Any

import httpcore

from producer.outbound.addresses import AddressGuard, Target

CONNECT_SECONDS = 5.0


class Deadline:
    """A point in time after which nothing more is waited for."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, error: type[Exception], at_most: float | None = None) -> float:
        """Seconds that are left, `at_most` if given; raises `error` when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise error("the other side took too long")
        return seconds if at_most is None else min(seconds, at_most)


class CheckedBackend(httpcore.NetworkBackend):
    """Resolves and checks the name of `target`, then connects to exactly an address that passed.

    Names stay what they were for TLS, so certificates are checked against the URL. One that does not answer is passed
    over for the next. Raises AddressRefused and OSError besides httpcore's own errors.
    """

    def __init__(self, target: Target, guard: AddressGuard, deadline: Deadline) -> None:
        self._target = target
        self._guard = guard
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  (the target says it)
        port: int,
        timeout: float | None = None,  # noqa: ARG002  (the deadline says it)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the target, which is what `host` and `port` name."""
        problem: Exception = httpcore.ConnectError("no address")
        for address in self._addresses():
            try:
                seconds = self._deadline.left(httpcore.ConnectTimeout, CONNECT_SECONDS)
                stream = self._sockets.connect_tcp(address, port, seconds, local_address, socket_options)
                return BoundedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    def _addresses(self) -> list[str]:
        """What the guard lets through, before the deadline: the system's resolver knows none."""
        answer: Future[list[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._guard.addresses(self._target))
            except BaseException as problem:  # noqa: BLE001  (it is raised where the answer is waited for)
                answer.set_exception(problem)

        seconds = self._deadline.left(httpcore.ConnectTimeout)
        threading.Thread(target=ask, name="resolve", daemon=True).start()
        if not wait([answer], seconds).done:
            raise httpcore.ConnectTimeout("the name server took too long")
        return answer.result()


class BoundedStream(httpcore.NetworkStream):
    """A stream on which a server that sends one byte now and then still meets the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Whatever arrives first, up to `max_bytes`."""
        return self._stream.read(max_bytes, self._deadline.left(httpcore.ReadTimeout, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of `buffer`."""
        self._stream.write(buffer, self._deadline.left(httpcore.WriteTimeout, timeout))

    def close(self) -> None:
        """Lets the connection go."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        seconds = self._deadline.left(httpcore.ConnectTimeout, timeout)
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the socket below knows."""
        return self._stream.get_extra_info(info)
