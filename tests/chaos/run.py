"""One run of chaos: a stream of jobs, faults all the while, then peace, then the oracle."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import sqlalchemy as sa

from producer.keeper.orphans import Collector
from storage.database import Database
from storage.delivery_store import LEASE_SECONDS
from storage.object_store import open_object_store
from storage.retention_store import RetentionStore
from storage.webhook import DeliveryState
from storage.webhook_tables import webhook_deliveries
from tests.chaos.deployment import Deployment, deployment
from tests.chaos.faults import draw
from tests.chaos.oracle import Oracle
from tests.chaos.receiver import Receiver, receiver
from tests.chaos.records import Records, broken_chain
from tests.chaos.stream import Stream

WORKER = ("tests.null_worker", "--step-seconds", "0.01")
SETTLE_SECONDS = 180.0
# A keeper that was cut off before it could send leaves a delivery under its lease, and only after that is it sent.
WEBHOOK_SECONDS = LEASE_SECONDS + 30.0
LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Report:
    """What happened. `problems` is empty when every promise held."""

    seed: int
    jobs: int
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def run(folder: Path, seed: int, jobs: int, faults: int) -> Report:
    """Sends `jobs` jobs and injects `faults` faults, drawn from `seed`, spread over the stream."""
    began = time.monotonic()
    with receiver(seed) as (webhook_url, received), deployment(folder, WORKER) as made:
        stream = Stream(made, jobs, seed, webhook_url)
        stream.start()
        counted = _hurt(made, stream, Random(seed), jobs, faults)
        stream.join()
        report = examine(made, stream, received)
    report.seed, report.faults, report.seconds = seed, counted, time.monotonic() - began
    return report


def _hurt(made: Deployment, stream: Stream, rng: Random, jobs: int, faults: int) -> Counter[str]:
    """A fault for each share of the stream that was sent, so that the last one falls before the last job."""
    counted: Counter[str] = Counter()
    pause = threading.Event()
    while counted.total() < faults:
        if stream.sent * faults >= (counted.total() + 0.5) * jobs or stream.sent >= jobs:
            name, fault = draw(rng)
            fault(made, rng)
            counted[name] += 1
        pause.wait(rng.uniform(0.05, 0.15))
    return counted


def examine(made: Deployment, stream: Stream, received: Receiver) -> Report:
    """Waits until every job has ended and every webhook has come, then asks the oracle."""
    database, objects = Database(made.database_url), open_object_store(made.storage)
    try:
        oracle = _settled(database)
        late = _awaited_webhooks(database, oracle, stream, received)
        Collector(RetentionStore(database), objects, 0.0, threading.Event()).collect()
        found = Oracle(database)
        return Report(
            seed=0,
            jobs=stream.sent,
            seconds=0.0,
            outcomes=found.outcomes(),
            attempts=found.attempts(),
            problems=[
                *stream.wrong,
                *found.doubled(stream.sent),
                *found.problems(stream.accepted, objects),
                *late,
                *_unproven(database, stream),
            ],
        )
    finally:
        database.close()


def _unproven(database: Database, stream: Stream) -> list[str]:
    return Records(database).unjudged(stream.accepted) + broken_chain(database)


def _settled(database: Database) -> Oracle:
    """The oracle once every job has ended, or after SETTLE_SECONDS."""
    end = time.monotonic() + SETTLE_SECONDS
    while (oracle := Oracle(database)).unfinished() and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return oracle


def _awaited_webhooks(database: Database, oracle: Oracle, stream: Stream, received: Receiver) -> list[str]:
    """What is missing although it was sent, or is not going to be sent."""
    end = time.monotonic() + WEBHOOK_SECONDS
    while True:
        # The receiver refuses some: after two failures the schedule's next try comes in five minutes.
        failing = _failing_deliveries(database)
        due = {job_id: state for job_id, state in oracle.states().items() if job_id in stream.hooked - failing}
        problems = received.problems(due)
        if not problems or time.monotonic() > end:
            return problems
        time.sleep(LOOK_SECONDS)


def _failing_deliveries(database: Database) -> set[str]:
    delivery = webhook_deliveries.c
    waiting = sa.and_(delivery.state == DeliveryState.PENDING, delivery.attempts >= 2)
    with database.reading() as connection:
        return set(connection.scalars(sa.select(delivery.job_id).where(waiting)))
