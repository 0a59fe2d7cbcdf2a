"""Ending waiting jobs whose time is over."""

from __future__ import annotations

from producer.keeper.expire import expiring
from storage.database import Database
from storage.job import JobState
from storage.job_reader import JobReader
from tests.jobs import Desk


def test_a_waiting_job_expires_when_its_time_is_over(database: Database, desk: Desk) -> None:
    late, early = desk.submit(deadline_seconds=-1), desk.submit(deadline_seconds=60)
    assert expiring(desk.leases).do() == 1
    assert expiring(desk.leases).do() == 0
    reader = JobReader(database)
    assert reader.get(late.id, desk.tenant_id).state is JobState.EXPIRED
    assert reader.get(early.id, desk.tenant_id).state is JobState.QUEUED
