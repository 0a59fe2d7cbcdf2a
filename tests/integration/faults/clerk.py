"""python -m tests.integration.faults.clerk <tenant id> <jobs>: submits, claims and finishes, as API and worker do.

Says that it is ready, begins at a line on its input, goes on until nothing is due, and prints how many it finished. Any
error ends it with a traceback.
"""

from __future__ import annotations

import os
import sys

from storage.database import Database
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from storage.settings import StorageSettings
from storage.submissions import Submissions
from tests.jobs import new_job, result


def main(tenant_id: str, count: int) -> int:
    """Jobs that it finished, its own or others'."""
    database = Database(StorageSettings.from_env().database_url)
    submissions, leases, moves = Submissions(database), LeaseStore(database), JobStore(database)
    owner, done = f"clerk-{os.getpid()}", 0
    database.ping()
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for _ in range(count):
        submissions.submit(new_job(tenant_id))
        for job in leases.claim(owner, models=["default"], limit=1):
            leases.beat(owner, {(job.id, job.attempt): 1})
            done += moves.succeed(job, result(job))
    while jobs := leases.claim(owner, models=["default"], limit=1):
        done += sum(moves.succeed(job, result(job)) for job in jobs)
    database.close()
    return done


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))  # noqa: T201  (what the test reads)
