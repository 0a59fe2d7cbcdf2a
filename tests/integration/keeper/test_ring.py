"""Ringing again for due work whose ring was lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from producer.keeper.ring import ringing
from storage.broker import Doorbell, queue_of
from storage.database import Database, db_now
from storage.job_reader import JobReader
from tests.jobs import Desk, change

SECONDS = 10.0


@pytest.fixture
def doorbell(redis_url: str) -> Iterator[Doorbell]:
    """A doorbell on the tests' Redis."""
    doorbell = Doorbell(redis_url)
    yield doorbell
    doorbell.close()


def test_a_lost_ring_is_made_good_and_rings_do_not_pile_up(
    database: Database, desk: Desk, redis: Redis, doorbell: Doorbell
) -> None:
    duty = ringing(JobReader(database), doorbell, redis)
    assert duty.do() == 0
    desk.submit()
    for _ in range(2):  # the second time, all that Redis knew is gone
        redis.flushall()
        assert duty.do() == 1
        assert redis.blmove(queue_of("default"), "rung", SECONDS) is not None
        redis.lmove("rung", queue_of("default"))
        assert duty.do() == 0
    doorbell.close()
    assert redis.llen(queue_of("default")) == 1


def test_nobody_rings_for_work_that_must_wait(database: Database, desk: Desk) -> None:
    reader = JobReader(database)
    backing_off, late, running = desk.submit(), desk.submit(deadline_seconds=-1), desk.submit()
    change(database, backing_off.id, not_before=db_now(3600))
    change(database, running.id, state="running")
    assert reader.due() == {}
    change(database, backing_off.id, not_before=db_now(-1))
    assert reader.due() == {"default": backing_off.id}
    assert late.id not in reader.due().values()


def test_every_model_with_due_work_is_rung_for(database: Database, desk: Desk) -> None:
    first, second, third = desk.submit(), desk.submit(), desk.submit()
    change(database, second.id, model_alias="anime")
    change(database, third.id, model_alias="zebra", not_before=db_now(3600))
    assert JobReader(database).due() == {"default": first.id, "anime": second.id}
