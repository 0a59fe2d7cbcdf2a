"""The keeper as a program: its connections, its duties, and how it is told to stop."""

from __future__ import annotations

import signal
import threading

import structlog
from redis import Redis

from producer.keeper.expire import expiring
from producer.keeper.keeper import Keeper
from producer.keeper.reap import reaping
from producer.keeper.ring import ringing
from storage.broker import Doorbell
from storage.database import Database
from storage.job_reader import JobReader
from storage.lease_store import LeaseStore
from storage.settings import StorageSettings

log = structlog.get_logger(__name__)

REDIS_SECONDS = 2.0


def run_keeper(settings: StorageSettings) -> None:
    """Keeps until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    database, doorbell = Database(settings.database_url), Doorbell(settings.redis_url)
    redis = Redis.from_url(settings.redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    leases = LeaseStore(database)
    log.info("keeper_started")
    try:
        Keeper([reaping(leases), expiring(leases), ringing(JobReader(database), doorbell, redis)]).run(stop)
    finally:
        redis.close()
        doorbell.close()
        database.close()
    log.info("keeper_stopped")
