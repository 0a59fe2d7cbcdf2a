"""Hears live news of jobs from Redis and hands them to whoever watches: one connection, no thread, newest only.

Whoever watches for the state of a job says which state it knows (Watch.saw); producer/pulse.py compares.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from storage.broker import REDIS_SECONDS
from storage.job import Job, JobState
from storage.live import Live, channel_of, from_message, job_of_channel

log = structlog.get_logger(__name__)

# A subscriber's socket may go deaf without an error; after so long without a word it is asked, after twice, replaced.
SILENCE_SECONDS = 5.0
TROUBLE_SECONDS = 2.0


class Watch:
    """What one watcher has not yet taken: the newest news, and whether SQL is worth a look."""

    def __init__(self) -> None:
        self.seen: tuple[JobState, int, bool] | None = None
        """State, attempt and wish to cancel that the watcher knows of; None until it has looked."""
        self._news: Live | None = None
        self._look = False
        self._changed = asyncio.Event()

    def saw(self, job: Job) -> None:
        """Notes how the job stood when the watcher looked."""
        self.seen = job.state, job.attempt, job.cancel_requested

    def hear(self, news: Live | None) -> None:
        """Takes in a message; None says that SQL is worth a look."""
        if news is None:
            self._look = True
        else:
            self._news = news.over(self._news)
        self._changed.set()

    def take(self) -> tuple[Live | None, bool]:
        """The newest news since the last call, if any, and whether to look into SQL."""
        taken = self._news, self._look
        self._news, self._look = None, False
        self._changed.clear()
        return taken

    async def wait(self, seconds: float) -> None:
        """Sleeps until there is something to take, for `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), max(0.0, seconds))


class Ear:
    """One subscriber for all watchers of a process. While nobody watches it holds no connection.

    While Redis is away nothing is heard and nobody is told: watchers look into SQL anyway. For one event loop.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._watches: dict[str, set[Watch]] = defaultdict(set)
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_deaf = False
        self._hears = False

    @property
    def hears(self) -> bool:
        """Whether Redis has answered on the connection that there is now."""
        return self._hears

    @property
    def watches(self) -> Mapping[str, set[Watch]]:
        """Who watches, by job."""
        return self._watches

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Watch]:
        """A watch over one job, for the duration of the block."""
        watch = Watch()
        self._watches[job_id].add(watch)
        self._wanted.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="ear")
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]
            self._wanted.set()

    async def close(self) -> None:
        """Wakes every watcher and lets the connection go."""
        for watch in [watch for watches in self._watches.values() for watch in watches]:
            watch.hear(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._watches:
            try:
                await self._listen()
            except (RedisError, OSError) as problem:
                if not self._is_deaf:
                    log.warning("live_news_unheard", error=str(problem))
                self._is_deaf, self._hears = True, False
                await asyncio.sleep(TROUBLE_SECONDS)

    async def _listen(self) -> None:
        """Hears until nobody watches any more. Raises RedisError or OSError when the connection is of no use."""
        redis = Redis.from_url(
            self._redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            health_check_interval=0,
            retry=Retry(NoBackoff(), 0),
        )
        async with redis, redis.pubsub() as pubsub:
            await redis.ping()
            self._is_deaf, self._hears = False, True
            try:
                await _Line(pubsub).hear(self._watches, self._wanted)
            finally:
                self._hears = False


class _Line:
    """One connection, from its first subscription to its end."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._subscribed: set[str] = set()
        self._asked = False

    async def hear(self, watches: dict[str, set[Watch]], wanted: asyncio.Event) -> None:
        """Passes messages on until nobody watches; `wanted` is set whenever `watches` changes."""
        reading: asyncio.Task[Any] | None = None
        wanted.set()
        try:
            while watches:
                if wanted.is_set():
                    wanted.clear()
                    await self._subscribe(set(watches))
                reading = reading or asyncio.create_task(self._pubsub.get_message(timeout=SILENCE_SECONDS))
                await _first(reading, wanted)
                if reading.done():
                    message, reading = reading.result(), None
                    await self._pass_on(message, watches)
        finally:
            if reading is not None:
                reading.cancel()
                # Gathered, so that an error which two commands met at once is not reported as one that nobody saw.
                await asyncio.gather(reading, return_exceptions=True)

    async def _subscribe(self, jobs: set[str]) -> None:
        # Only commands are written here, which a pending read does not mind: nothing is cut off in mid-message.
        if new := jobs - self._subscribed:
            await self._pubsub.subscribe(*map(channel_of, new))
        if gone := self._subscribed - jobs:
            await self._pubsub.unsubscribe(*map(channel_of, gone))
        self._subscribed = jobs

    async def _pass_on(self, message: dict[str, Any] | None, watches: dict[str, set[Watch]]) -> None:
        if message is None:
            await self._ask()
            return
        self._asked = False
        if message["type"] not in ("message", "subscribe"):
            return
        # A job may have moved on before the subscription took hold, so that is worth a look as well.
        news = from_message(message["data"]) if message["type"] == "message" else None
        for watch in watches.get(job_of_channel(message["channel"].decode()), ()):
            watch.hear(news)

    async def _ask(self) -> None:
        if self._asked:
            raise ConnectionError("Redis does not answer on a subscriber's connection")
        self._asked = True
        await self._pubsub.ping()


async def _first(reading: asyncio.Task[Any], wanted: asyncio.Event) -> None:
    """Returns when either is done."""
    waiting = asyncio.create_task(wanted.wait())
    try:
        await asyncio.wait([reading, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
