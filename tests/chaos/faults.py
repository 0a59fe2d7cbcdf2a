"""What can go wrong, each by name. Every fault heals by itself within seconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from random import Random

from redis import Redis
from redis.exceptions import RedisError

from tests.chaos.deployment import Deployment

Fault = Callable[[Deployment, Random], None]
# Longer than the lease, so that a stopped worker comes back as a zombie.
PAUSE = (0.5, 5.0)


def _kill(name: str) -> Fault:
    return lambda deployment, rng: deployment.pick(name, rng).send(signal.SIGKILL)


def _terminate(name: str) -> Fault:
    return lambda deployment, rng: deployment.pick(name, rng).send(signal.SIGTERM)


def _pause(name: str) -> Fault:
    def pause(deployment: Deployment, rng: Random) -> None:
        program = deployment.pick(name, rng)
        program.send(signal.SIGSTOP)
        timer = threading.Timer(rng.uniform(*PAUSE), program.send, [signal.SIGCONT])
        timer.daemon = True
        timer.start()

    return pause


def _empty_redis(deployment: Deployment, _rng: Random) -> None:
    with Redis.from_url(deployment.redis_url, socket_timeout=1) as redis:
        try:
            redis.flushall()
        except RedisError:
            return  # it is down already


def _cut_sessions(deployment: Deployment, rng: Random) -> None:
    with deployment.postgres_lock:
        deployment.postgres.cut_sessions(rng.randint(1, 20))


def _restart_postgres(mode: str) -> Fault:
    def restart(deployment: Deployment, _rng: Random) -> None:
        with deployment.postgres_lock:
            deployment.postgres.restart(mode)

    return restart


# How often each is drawn, relative to the others.
FAULTS: dict[str, tuple[int, Fault]] = {
    "worker killed": (6, _kill("worker")),
    "worker stopped and continued": (4, _pause("worker")),
    "worker told to drain": (3, _terminate("worker")),
    "keeper killed": (2, _kill("keeper")),
    "keeper stopped and continued": (1, _pause("keeper")),
    "API killed": (2, _kill("api")),
    "Redis emptied": (3, _empty_redis),
    "Redis killed": (2, _kill("redis")),
    "Redis deaf for a while": (2, _pause("redis")),
    "PostgreSQL sessions cut": (5, _cut_sessions),
    "PostgreSQL restarted": (1, _restart_postgres("fast")),
    "PostgreSQL lost power": (1, _restart_postgres("immediate")),
    "S3 killed": (2, _kill("s3")),
    "S3 deaf for a while": (2, _pause("s3")),
}


def draw(rng: Random) -> tuple[str, Fault]:
    """A fault and its name."""
    names = list(FAULTS)
    name = rng.choices(names, [FAULTS[name][0] for name in names])[0]
    return name, FAULTS[name][1]


def deck(rng: Random) -> Iterator[tuple[str, Fault]]:
    """Faults without end and their names; every kind comes once before any comes again."""
    while True:
        for name in rng.sample(list(FAULTS), len(FAULTS)):
            yield name, FAULTS[name][1]
