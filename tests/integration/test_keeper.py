"""The keeper's duties on real databases and a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from producer.keeper.expire import expiring
from producer.keeper.keeper import Duty, Keeper
from producer.keeper.reap import reaping
from producer.keeper.ring import ringing
from storage.broker import Doorbell, queue_of
from storage.database import Database
from storage.job import JobState
from storage.job_reader import JobReader
from tests.jobs import Desk

SECONDS = 10.0


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """The emptied Redis."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        yield redis


def state(database: Database, desk: Desk, job_id: str) -> JobState:
    return JobReader(database).get(job_id, desk.tenant_id).state


def test_a_job_of_a_dead_worker_waits_again_and_others_are_left_alone(database: Database, desk: Desk) -> None:
    lost, held = desk.submit(), desk.submit()
    assert desk.claim_one(lease_seconds=-1).id == lost.id
    assert desk.claim_one(lease_seconds=60).id == held.id
    keepers = [Keeper([reaping(desk.leases)]) for _ in range(2)]
    for keeper in keepers:
        keeper.tick()
    assert state(database, desk, lost.id) is JobState.QUEUED
    assert state(database, desk, held.id) is JobState.RUNNING
    assert JobReader(database).get(lost.id, desk.tenant_id).crash_count == 1


def test_a_waiting_job_expires_when_its_time_is_over(database: Database, desk: Desk) -> None:
    late, early = desk.submit(deadline_seconds=-1), desk.submit(deadline_seconds=60)
    Keeper([expiring(desk.leases)]).tick()
    assert state(database, desk, late.id) is JobState.EXPIRED
    assert state(database, desk, early.id) is JobState.QUEUED


def test_a_lost_ring_is_made_good_and_rings_do_not_pile_up(
    database: Database, desk: Desk, redis: Redis, redis_url: str
) -> None:
    doorbell = Doorbell(redis_url)
    keep = ringing(JobReader(database), doorbell, redis).do
    keep()
    desk.submit()
    try:
        for _ in range(2):  # the second time, all that Redis knew is gone
            redis.flushall()
            keep()
            assert redis.blmove(queue_of("default"), "rung", SECONDS) is not None
            redis.lmove("rung", queue_of("default"))
            keep()
    finally:
        doorbell.close()
    assert redis.llen(queue_of("default")) == 1


def test_a_duty_that_fails_is_tried_again_and_stops_no_other() -> None:
    tried: list[str] = []

    def fail() -> None:
        tried.append("broken")
        raise ConnectionError("the database is away")

    keeper = Keeper([Duty("broken", 0, fail), Duty("sound", 0, lambda: tried.append("sound"))])
    keeper.tick()
    keeper.tick()
    assert tried == ["broken", "sound", "broken", "sound"]


def test_each_duty_keeps_its_own_pace() -> None:
    done: list[tuple[str, float]] = []
    now = 100.0
    keeper = Keeper(
        [
            Duty("often", 1, lambda: done.append(("often", now))),
            Duty("seldom", 5, lambda: done.append(("seldom", now))),
        ],
        clock=lambda: now,
    )
    while now < 106:
        now += keeper.tick()
    assert [at for name, at in done if name == "often"] == [100, 101, 102, 103, 104, 105]
    assert [at for name, at in done if name == "seldom"] == [100, 105]


def test_a_keeper_stops_when_it_is_told_to() -> None:
    stop, began = threading.Event(), threading.Event()
    thread = threading.Thread(target=Keeper([Duty("rest", 3600, began.set)]).run, args=(stop,))
    thread.start()
    assert began.wait(SECONDS)
    stop.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
