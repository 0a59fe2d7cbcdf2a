"""The oracle sees what it is for: what is broken here on purpose, it finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.database import Database
from storage.object_store import LocalObjectStore
from storage.tables import job_events
from tests.chaos.oracle import Oracle
from tests.chaos.receiver import Receiver
from tests.jobs import Desk


@pytest.fixture
def opened(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    yield database
    database.close()


@pytest.fixture
def desk(opened: Database) -> Desk:
    return Desk(opened)


def test_a_request_that_became_two_jobs_is_found(opened: Database, desk: Desk) -> None:
    desk.submit(idempotency_key=None)
    desk.submit(idempotency_key=None)
    oracle = Oracle(opened)
    assert oracle.doubled(sent=2) == []
    assert oracle.doubled(sent=1) == ["2 jobs are there, of 1 that were sent"]


def test_a_job_that_went_is_found(opened: Database, desk: Desk, tmp_path: Path) -> None:
    there = desk.submit().id
    found = Oracle(opened).problems([there, "job_gone"], LocalObjectStore(tmp_path))
    assert "job_gone was accepted and is not there" in found
    assert f"{there}: is still queued" in found


def test_an_end_without_its_event_is_found(opened: Database, desk: Desk) -> None:
    job_id = desk.submit().id
    desk.jobs.cancel(job_id, desk.tenant_id)
    assert Oracle(opened).histories() == []
    with opened.transaction() as connection:
        connection.execute(sa.delete(job_events).where(job_events.c.type == "job.canceled"))
    assert Oracle(opened).histories() == [f"{job_id}: is canceled and its history ends with []"]


def test_a_picture_that_no_row_names_is_found(opened: Database, tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    objects.put("results/job_x/1-0", b"left behind", "image/png")
    found = Oracle(opened).problems([], objects)
    assert found == ["results/job_x/1-0 is in the store and no row names it"]


def test_webhooks_that_are_missing_doubled_or_of_another_end_are_found() -> None:
    received = Receiver(seed=1)
    received.ids["job_a", "job.succeeded"] = {"1"}
    received.ids["job_b", "job.succeeded"] = {"2", "3"}
    received.ids["job_c", "job.failed"] = {"4"}
    found = received.problems(dict.fromkeys(["job_a", "job_b", "job_c"], "succeeded"))
    assert found == [
        "job_b: the webhook of job.succeeded came under 2 ids",
        "job_c: the webhook of job.succeeded came under 0 ids",
        "job_c: is succeeded, and a webhook told of job.failed",
    ]
