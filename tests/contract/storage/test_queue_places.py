"""The place in the queue: counted near the front, read off a sketch further back."""

from __future__ import annotations

import pytest

from storage import queue_places
from storage.database import Database
from storage.outlook import Outlook
from tests.jobs import Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def _sketchy(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third job on it is a sketch, with a mark at every second job."""
    monkeypatch.setattr(queue_places, "NEAR", 2)
    monkeypatch.setattr(queue_places, "SKETCH_STEP", 2)
    monkeypatch.setattr(queue_places, "_MARKS", queue_places._marks())


def test_jobs_come_with_what_awaits_them(desk: Desk, database: Database) -> None:
    ids = [desk.submit().id for _ in range(3)]
    ended = desk.claim_one()
    found = Outlook(database).foreseen([ended.id, ids[2], "job_x"])
    assert {job_id: one.job.id for job_id, one in found.items()} == {ended.id: ended.id, ids[2]: ids[2]}
    assert found[ended.id].ahead is None
    assert (ahead := found[ids[2]].ahead)
    assert ahead.position == 1


@pytest.mark.usefixtures("_sketchy")
def test_further_back_a_place_is_right_to_within_a_step(desk: Desk, database: Database) -> None:
    jobs, cost = [desk.submit() for _ in range(9)], desk.submit().params.unet_rows
    with database.reading() as connection:
        places = queue_places.QueuePlaces().of(connection, jobs)
    assert [places[job.id].position for job in jobs] == [0, 1, 2, 2, 4, 4, 6, 6, 8]
    assert [places[job.id].rows_ahead for job in jobs] == [n * cost for n in (0, 1, 2, 2, 4, 4, 6, 6, 8)]


@pytest.mark.usefixtures("_sketchy")
def test_a_sketch_serves_for_a_while_and_what_is_near_is_counted(desk: Desk, database: Database) -> None:
    jobs, kept = [desk.submit() for _ in range(8)], queue_places.QueuePlaces()
    with database.reading() as connection:
        assert kept.of(connection, jobs[7:])[jobs[7].id].position == 6
    desk.claim(limit=3)
    with database.reading() as connection:
        assert kept.of(connection, jobs[7:])[jobs[7].id].position == 6, "the sketch is young"
        assert queue_places.QueuePlaces().of(connection, jobs[7:])[jobs[7].id].position == 4
        front = kept.of(connection, jobs[3:5])
    assert front[jobs[3].id].position in (0, 2)
