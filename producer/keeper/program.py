"""The keeper as a program: its connections, its duties, and how it is told to stop."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass

import structlog
from prometheus_client import REGISTRY
from redis import Redis

from producer.dialects.hooks import body_in_dialect
from producer.keeper.audit import erasing_columns, sealing
from producer.keeper.batches import finishing
from producer.keeper.cases import closing_cases
from producer.keeper.deliver import Courier, delivering
from producer.keeper.erase import (
    erasing,
    erasing_asked,
    forgetting_keys,
    forgetting_marks,
    forgetting_strikes,
    forgetting_uploads,
)
from producer.keeper.expire import expiring
from producer.keeper.fleet_metrics import FleetCollector
from producer.keeper.forecast import forecasting
from producer.keeper.keeper import Duty, Keeper
from producer.keeper.metrics import DutyMetrics
from producer.keeper.orphans import collecting
from producer.keeper.reap import reaping
from producer.keeper.review_metrics import ReviewCollector
from producer.keeper.ring import ringing
from producer.keeper.unserved import failing_unserved
from producer.keeper.usage import adding_up
from producer.keeping import kept_days
from producer.outbound.addresses import AddressGuard
from producer.settings import ProducerSettings
from producer.shredder import Shredder
from producer.webhooks.sender import Sender
from safety.policy import Policy
from storage import tracing
from storage.audit_store import AuditStore
from storage.batch_store import BatchStore
from storage.broker import Doorbell
from storage.database import Database
from storage.delivery_store import DeliveryStore
from storage.exposition import serving
from storage.forecaster import Forecaster
from storage.job_reader import JobReader
from storage.lease_store import LeaseStore
from storage.mark_store import MarkStore
from storage.object_store import ObjectStore, open_object_store
from storage.publisher import Publisher
from storage.queue_reader import QueueReader
from storage.retention_rules import RetentionRules
from storage.retention_store import RetentionStore
from storage.settings import StorageSettings
from storage.strike_store import StrikeStore
from storage.upkeep_reader import UpkeepReader
from storage.upload_store import UploadStore
from storage.usage_store import UsageStore

log = structlog.get_logger(__name__)

REDIS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Connections:
    """What the duties work with."""

    database: Database
    objects: ObjectStore
    doorbell: Doorbell
    publisher: Publisher
    redis: Redis

    @classmethod
    def open(cls, settings: StorageSettings) -> Connections:
        """Opens what the settings name; nothing needs to answer yet."""
        redis = Redis.from_url(settings.redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
        publisher = Publisher(settings.redis_url)
        database = Database(settings.database_url, publisher.moved)
        return cls(database, open_object_store(settings), Doorbell(settings.redis_url), publisher, redis)

    def close(self) -> None:
        """Lets every connection go."""
        self.redis.close()
        self.publisher.close()
        self.doorbell.close()
        self.database.close()


def run_keeper(storage: StorageSettings, producer: ProducerSettings, policy: Policy) -> None:
    """Keeps until SIGINT or SIGTERM. Raises OSError when the port of its metrics is taken."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    tracing.start("keeper", storage.otlp_endpoint)
    metrics = DutyMetrics()
    connections = Connections.open(storage)
    for collector in (REGISTRY, ReviewCollector.on(connections.database, policy), _fleet(connections, storage)):
        metrics.registry.register(collector)
    try:
        with serving(metrics.registry, storage.metrics_host or producer.host, producer.keeper_metrics_port):
            log.info("keeper_started")
            Keeper(duties(connections, storage, producer, policy, stop), metrics).run(stop)
    finally:
        connections.close()
        tracing.stop()
    log.info("keeper_stopped")


def _fleet(connections: Connections, storage: StorageSettings) -> FleetCollector:
    return FleetCollector(QueueReader(connections.database), UpkeepReader(connections.database), storage.sources)


def duties(
    connections: Connections,
    storage: StorageSettings,
    producer: ProducerSettings,
    policy: Policy,
    stop: threading.Event,
) -> list[Duty]:
    """Every duty that the settings ask for."""
    leases = LeaseStore(connections.database, storage.lease_seconds)
    asked = [
        reaping(leases, connections.database),
        expiring(leases),
        closing_cases(connections.database),
        failing_unserved(connections.database, storage.sources),
        ringing(JobReader(connections.database), connections.doorbell, connections.redis),
        delivering(_courier(connections, producer)),
        forecasting(Forecaster(connections.database)),
        adding_up(UsageStore(connections.database), stop),
        finishing(BatchStore(connections.database)),
        sealing(AuditStore(connections.database), stop),
        erasing_columns(AuditStore(connections.database), policy.retention.of_the_record, stop),
    ]
    if policy.retention.marks is not None:
        marks = MarkStore(connections.database)
        asked.append(forgetting_marks(marks, connections.objects, policy.retention.marks, stop))
    return asked + _clearing(connections, producer, policy, stop)


def _courier(connections: Connections, settings: ProducerSettings) -> Courier:
    sender = Sender(AddressGuard(settings.allowed_addresses))
    database = connections.database
    return Courier(
        DeliveryStore(database),
        JobReader(database),
        BatchStore(database),
        sender,
        foreign_body=lambda job: body_in_dialect(job, settings.public_url or ""),
    )


def _clearing(
    connections: Connections, settings: ProducerSettings, policy: Policy, stop: threading.Event
) -> list[Duty]:
    store, objects = RetentionStore(connections.database), connections.objects
    shredder = Shredder(store, objects)
    asked = [
        erasing_asked(shredder, stop),
        forgetting_keys(store, stop),
        forgetting_strikes(StrikeStore(connections.database)),
        forgetting_uploads(UploadStore(connections.database)),
        *erasing(shredder, RetentionRules(connections.database), kept_days(policy, settings.retention_days), stop),
    ]
    if settings.orphan_seconds > 0:
        seconds, ttl = settings.orphan_seconds, settings.orphan_ttl_seconds
        asked.append(collecting(store, objects, stop, seconds=seconds, ttl_seconds=ttl))
    return asked
