"""Redis: does it answer, and is it set up so that rings outlive a restart and are never evicted?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis import Redis

from producer.doctor.finding import Finding, Outcome, found, judged

REDIS_SECONDS = 3.0
OLDEST = (6, 2)


def examine_redis(url: str) -> Iterator[Finding]:
    """Everything about the Redis at `url`. Nothing of it loses a job: SQL is the truth."""
    told: dict[str, Any] = {}

    def look() -> str:
        with Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS) as client:
            told.update(client.info())
        return f"version {told['redis_version']}"

    answers = found("redis", look, "see that it runs and that INPAINTD_REDIS_URL is right")
    yield answers
    if answers.outcome is Outcome.OK:
        yield from _examine_set_up(told)


def _examine_set_up(told: dict[str, Any]) -> Iterator[Finding]:
    version = str(told["redis_version"])
    new_enough = tuple(map(int, version.split(".")[:2])) >= OLDEST
    yield judged("redis version", new_enough, version, "upgrade to 6.2 or newer, or to Valkey")
    policy = str(told.get("maxmemory_policy", "unknown"))
    advice = "set `maxmemory-policy noeviction`, or Redis drops rings and jobs start up to a second late"
    yield judged("redis eviction", policy == "noeviction", policy, advice)
    keeps = bool(told.get("aof_enabled"))
    advice = "set `appendonly yes`, or rings are gone at each restart and jobs start up to a second late"
    yield judged("redis persistence", keeps, "append-only file" if keeps else "no append-only file", advice)
