"""Eight processes on one SQLite file: they wait for each other, and none of them sees an error."""

from __future__ import annotations

from pathlib import Path

from storage.database import Database
from tests.chaos.oracle import Oracle
from tests.integration.faults.office import run_clerks
from tests.jobs import Desk
from tests.service import settings

PROCESSES, JOBS = 8, 12


def test_eight_processes_wait_for_each_other(tmp_path: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    env = settings(tmp_path, database_url=sqlite_url, redis_url="redis://127.0.0.1:1/0", s3=None)
    finished = run_clerks(PROCESSES, Desk(database).tenant_id, JOBS, env)
    assert sum(finished) == PROCESSES * JOBS
    oracle = Oracle(database)
    assert (oracle.outcomes(), oracle.attempts()) == ({"succeeded": sum(finished)}, {1: sum(finished)})
    assert oracle.histories() == []
    database.close()
