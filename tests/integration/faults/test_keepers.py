"""Two keepers and two workers at once: nothing is claimed twice."""

from __future__ import annotations

from tests.chaos.oracle import Oracle
from tests.integration.faults.office import run_clerks
from tests.integration.faults.ward import Ward
from tests.jobs import new_job

JOBS, REAL_JOBS = 300, 16


def test_two_claimers_of_quick_jobs_never_get_the_same(ward: Ward) -> None:
    """Without pictures, so that the two meet at the queue all the time."""
    ward.desk.submissions.submit_many([new_job(ward.desk.tenant_id) for _ in range(JOBS)])
    with ward.keeper("keeper-1"), ward.keeper("keeper-2"):
        finished = run_clerks(2, ward.desk.tenant_id, 0, ward.env)
    assert min(finished) > 0, "both took part"
    assert sum(finished) == JOBS
    oracle = Oracle(ward.database)
    assert (oracle.outcomes(), oracle.attempts(), oracle.histories()) == ({"succeeded": JOBS}, {1: JOBS}, [])


def test_two_keepers_and_two_workers_run_each_job_once(ward: Ward) -> None:
    with ward.keeper("keeper-1"), ward.keeper("keeper-2"), ward.worker(name="one"), ward.worker(name="two"):
        ids = [ward.submit().id for _ in range(REAL_JOBS)]
        ward.await_end(ids, 90)
    assert Oracle(ward.database).attempts() == {1: REAL_JOBS}
