"""Many calls at once in threads: no more than so many are begun and not yet taken."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from producer.client.steps import Steps

T = TypeVar("T")


class Abandoned(Exception):
    """Nobody waits for the call any more."""


class Run(Protocol):
    """Carries out a call, sleeping as it is told."""

    def __call__(self, steps: Steps[T], sleep: Callable[[float], object]) -> T: ...


def pumped(run: Run, calls: Iterator[Steps[T]], concurrency: int) -> Generator[T, None, None]:
    """The results of `calls` as they come; the next call is taken up when there is room for it.

    When the iteration is given up, what is under way is sent to its end, but no longer waited for where it pauses.
    """
    given_up = threading.Event()

    def sleep(seconds: float) -> None:
        if given_up.wait(seconds):
            raise Abandoned

    def begin(steps: Steps[T]) -> Future[T]:
        return pool.submit(run, steps, sleep)

    with ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="inpaintd-submit") as pool:
        try:
            waiting = set(map(begin, itertools.islice(calls, max(1, concurrency))))
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    waiting |= set(map(begin, itertools.islice(calls, 1)))
                    yield future.result()
        finally:
            given_up.set()
