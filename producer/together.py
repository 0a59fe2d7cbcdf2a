"""Questions that come while others are being answered are asked together next: on the event loop, without a timer.

What storage/group.py is to the threads that write, this is to the requests that read: ten statuses cost little more
than one, and a process needs few connections however many callers it has.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

K = TypeVar("K")
V = TypeVar("V")
LARGEST = 128
# Two, so that an answer that takes long does not hold up all others.
AT_ONCE = 2


class Together(Generic[K, V]):
    """Calls `ask(keys)` in a thread, which returns what it found; for one event loop.

    Every answer is younger than its question. `largest`: keys of one call; `at_once`: calls at the same time.
    """

    def __init__(self, ask: Callable[[list[K]], Mapping[K, V]], largest: int = LARGEST, at_once: int = AT_ONCE) -> None:
        self._ask = ask
        self._largest = largest
        self._at_once = at_once
        self._waiting: defaultdict[K, list[asyncio.Future[V | None]]] = defaultdict(list)
        self._askers: set[asyncio.Task[None]] = set()
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, key: K) -> V | None:
        """What is known of `key`, None if nothing is. Raises what the call raised that it was part of."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(answer)
        if len(self._askers) < self._at_once:
            asker = asyncio.create_task(self._ask_all())
            self._askers.add(asker)
            asker.add_done_callback(self._askers.discard)
        return await answer

    async def _ask_all(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[: self._largest]
            asked = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await self._in_a_thread(keys)
            except Exception as error:  # noqa: BLE001  (it belongs to everyone who shared the call)
                for future in _waiting(asked):
                    future.set_exception(error)
            else:
                for key, futures in asked.items():
                    for future in _waiting({key: futures}):
                        future.set_result(found.get(key))

    async def _in_a_thread(self, keys: list[K]) -> Mapping[K, V]:
        self._limiter = self._limiter or CapacityLimiter(self._at_once)
        return await to_thread.run_sync(self._ask, keys, limiter=self._limiter)


def _waiting(asked: Mapping[K, list[asyncio.Future[V | None]]]) -> Iterator[asyncio.Future[V | None]]:
    # A caller may have gone meanwhile.
    return (future for futures in asked.values() for future in futures if not future.done())
