"""Two keepers and two workers at once."""

from __future__ import annotations

from tests.chaos.oracle import Oracle
from tests.integration.faults.ward import Ward, eventually

JOBS = 300


def test_no_job_is_claimed_twice(ward: Ward) -> None:
    ids = {ward.submit().id for _ in range(JOBS)}
    with ward.keeper("keeper-1"), ward.keeper("keeper-2"), ward.worker(name="one"), ward.worker(name="two"):
        eventually(lambda: not Oracle(ward.database).unfinished(), 90, ward.log)
    ward.await_end(ids)
    assert ward.outcomes() == {"succeeded": JOBS}
    assert Oracle(ward.database).attempts() == {1: JOBS}
    owners = {path.stem for path in ward.folder.glob("*.log") if "job_finished" in path.read_text()}
    assert owners == {"one", "two"}, "both took part"
