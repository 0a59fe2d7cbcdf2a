"""Eight processes on one SQLite file: they wait for each other, and none of them sees an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from storage.database import Database
from tests.chaos.oracle import Oracle
from tests.jobs import Desk
from tests.service import settings

PROCESSES, JOBS = 8, 25


def test_eight_processes_wait_for_each_other(tmp_path: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    tenant_id = Desk(database).tenant_id
    env = settings(tmp_path, database_url=sqlite_url, redis_url="redis://127.0.0.1:1/0", s3=None)
    command = [sys.executable, "-m", "tests.integration.faults.clerk", tenant_id, str(JOBS)]
    clerks = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    told = [clerk.communicate(timeout=100) for clerk in clerks]
    assert [(clerk.returncode, errors) for clerk, (_, errors) in zip(clerks, told, strict=True)] == [
        (0, "")
    ] * PROCESSES
    assert sum(int(output) for output, _ in told) == PROCESSES * JOBS
    oracle = Oracle(database)
    assert (oracle.outcomes(), oracle.attempts()) == ({"succeeded": PROCESSES * JOBS}, {1: PROCESSES * JOBS})
    assert oracle.histories() == []
    database.close()
