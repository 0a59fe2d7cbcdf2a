"""Publishes how far jobs are to whoever watches them, from a thread of its own."""

from __future__ import annotations

import threading

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from storage.broker import REDIS_SECONDS
from storage.live import Live, channel_of, to_message

log = structlog.get_logger(__name__)

# At most ten messages a second for each job, however fast its steps are.
PAUSE_SECONDS = 0.1
FIRST_TROUBLE_SECONDS, LONGEST_TROUBLE_SECONDS = 0.5, 5.0
CLOSE_SECONDS = 1.0


class Publisher:
    """Keeps the newest news of each job until it is sent, and nothing else.

    A Redis that is down, or deaf, costs that news and no more: nobody waits for it, and what waits is one value a job.
    """

    def __init__(self, redis_url: str) -> None:
        # One more try, because a connection that idled may have been cut meanwhile.
        retry = Retry(NoBackoff(), 1)
        self._redis = Redis.from_url(
            redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=retry
        )
        self._news: dict[str, Live | None] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._trouble_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def progress(self, job_id: str, news: Live) -> None:
        """Says how far a job is. Returns at once: it is called from the engine's thread."""
        with self._changed:
            self._news[job_id] = news.over(self._news.get(job_id))
            self._changed.notify()

    def moved(self, job_id: str) -> None:
        """Says that a job's state changed, so that watchers look into SQL now and not at their next turn."""
        with self._changed:
            self._news[job_id] = None
            self._changed.notify()

    def close(self) -> None:
        """Sends what still waits, for CLOSE_SECONDS at most, and lets the connection go."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        self._redis.close()

    def _run(self) -> None:
        while news := self._take():
            self._closing.wait(self._send(news))

    def _take(self) -> dict[str, Live | None]:
        """What waits, as soon as something does; nothing once all is said and this is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._closing.is_set())
            news, self._news = self._news, {}
            return news

    def _send(self, news: dict[str, Live | None]) -> float:
        """Sends all of it at once, and says for how many seconds to gather what comes next."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for job_id, its_news in news.items():
                    pipeline.publish(channel_of(job_id), to_message(its_news))
                pipeline.execute()
        except Exception as problem:  # noqa: BLE001  (whatever it was, no job may suffer, and the next news may pass)
            if not (self._trouble_seconds or self._closing.is_set()):
                log.warning("live_news_not_sent", error=str(problem))
            longer = max(FIRST_TROUBLE_SECONDS, self._trouble_seconds * 2)
            self._trouble_seconds = min(longer, LONGEST_TROUBLE_SECONDS)
            return self._trouble_seconds
        self._trouble_seconds = 0.0
        return PAUSE_SECONDS
