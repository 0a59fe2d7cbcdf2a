"""Group commit: callers that come while a call is under way share the next one.

A commit costs the same for one row as for fifty. The first caller leads: it does the work of everybody who waits by
then, answers them, and hands the lead to the first of those who came meanwhile.

Threads that were answered together come back together, and the first of them must not leave the others behind: it
would make a call for itself alone while all of them wait for it. With `gather_seconds` it lets as many come as were
served last, for so long at most. A lone caller waits for nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
LARGEST = 128
# How long threads take to come back: a call costs several times as much.
GATHER_SECONDS = 0.002


class _Place(Generic[T, R]):
    """A caller's place in the line. It sleeps on a lock of its own, so that only who has to wake up does."""

    __slots__ = ("answer", "item", "wake")

    def __init__(self, item: T) -> None:
        self.item = item
        self.answer: list[R | Exception] = []
        self.wake = threading.Lock()
        self.wake.acquire()


class Group(Generic[T, R]):
    """Calls `work(items)`, which answers each item in order, with a result or an exception to raise at its caller."""

    def __init__(
        self, work: Callable[[list[T]], list[R | Exception]], largest: int = LARGEST, gather_seconds: float = 0.0
    ) -> None:
        self._work = work
        self._largest = largest
        self._gather_seconds = gather_seconds
        self._lock = threading.Lock()
        self._waiting: list[_Place[T, R]] = []
        self._led = False
        self._served = 1
        self._back = threading.Event()

    def __call__(self, item: T) -> R:
        """The answer to `item`. Raises what stands in its place, or what the shared call raised."""
        place = _Place[T, R](item)
        with self._lock:
            self._waiting.append(place)
            if len(self._waiting) >= self._served:
                self._back.set()
            leads, self._led = not self._led, True
        if not leads:
            place.wake.acquire()
        if not place.answer:
            self._lead()
        answer = place.answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _lead(self) -> None:
        self._back.wait(self._gather_seconds)
        with self._lock:
            taken, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
            self._served = len(taken)
            if len(self._waiting) < self._served:
                self._back.clear()
        for place, answer in zip(taken, self._answers([place.item for place in taken]), strict=True):
            place.answer.append(answer)
            place.wake.release()
        self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0].wake.release()

    def _answers(self, items: list[T]) -> list[R | Exception]:
        try:
            return self._work(items)
        except BaseException as error:  # noqa: BLE001  (it belongs to everyone who shared the call)
            return [error if isinstance(error, Exception) else RuntimeError(repr(error))] * len(items)
