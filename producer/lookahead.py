"""Work on what comes next, so that its waiting overlaps with what is done about the first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(executor: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[tuple[T, R]]:
    """Each item with `work(item)`, in order; at most `ahead` (1 or more) are worked on or wait for their turn.

    Raises what the work on an item raised, at its turn.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    for item in items:
        waiting.append((item, executor.submit(work, item)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    while waiting:
        first, future = waiting.popleft()
        yield first, future.result()
