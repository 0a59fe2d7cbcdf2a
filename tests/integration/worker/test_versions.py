"""Workers of two versions on one database. `make upgrade-check OLD=<ref>` does it with a real older version."""

from __future__ import annotations

from storage.formats import READS
from storage.job import JobState
from tests.integration.worker.workshop import Workshop
from tests.jobs import change


def test_a_row_of_a_newer_format_is_left_to_a_newer_worker(workshop: Workshop) -> None:
    newer = workshop.submit()
    params = {**newer.params.model_dump(mode="json"), "of_a_version_to_come": 1}
    change(workshop.database, newer.id, format=READS + 1, params=params)
    with workshop.worker(name="today"):
        for job in [workshop.submit() for _ in range(3)]:
            workshop.await_state(job, JobState.SUCCEEDED)
        assert workshop.row(newer).state is JobState.QUEUED, "it was first in the queue"
        with workshop.worker(name="newer", module="tests.newer_worker"):
            assert workshop.await_state(newer, JobState.SUCCEEDED).attempt == 1
