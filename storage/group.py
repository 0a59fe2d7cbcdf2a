"""Group commit: callers that come while a call is under way share the next one.

A commit costs the same for one row as for fifty. The first caller leads: it does the work of everybody who waits by
then, and the others only wait. Nobody waits for a timer, so a lone caller is as fast as without.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
LARGEST = 128


class Group(Generic[T, R]):
    """Calls `work(items)`, which answers each item in order, with a result or an exception to raise at its caller."""

    def __init__(self, work: Callable[[list[T]], list[R | Exception]], largest: int = LARGEST) -> None:
        self._work = work
        self._largest = largest
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._waiting: list[tuple[T, Future[R]]] = []

    def __call__(self, item: T) -> R:
        """The answer to `item`. Raises what stands in its place, or what the shared call raised."""
        future: Future[R] = Future()
        with self._lock:
            self._waiting.append((item, future))
        while not future.done():
            with self._working:
                if not future.done():
                    self._lead()
        return future.result()

    def _lead(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
        try:
            answers = self._work([item for item, _ in taken])
        except BaseException as error:  # noqa: BLE001  (it belongs to everyone who shared the call)
            answers = [error if isinstance(error, Exception) else RuntimeError(repr(error))] * len(taken)
        for (_, future), answer in zip(taken, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
