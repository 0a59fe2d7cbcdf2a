"""The databases that tests are handed: what one test leaves behind, no other finds."""

from __future__ import annotations

import psycopg
import pytest

from storage.database import Database
from tests import databases
from tests.jobs import Desk

FROZEN = "SELECT count(*) FROM pg_trigger WHERE tgname = 'jobs_frozen'"


def test_a_database_that_was_used_is_as_new(postgres_server: str) -> None:
    with databases.swept_postgres(postgres_server) as used:
        database = Database(used)
        desk = Desk(database)
        assert desk.jobs.cancel(desk.submit().id, desk.tenant_id)
        with psycopg.connect(used) as connection:
            connection.execute("DELETE FROM audit_head")
    with databases.swept_postgres(postgres_server) as again, psycopg.connect(again) as connection:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(used)
        for table in ("jobs", "job_events", "tenants"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM audit_head").fetchone() == (1,)
        connection.execute("DROP TRIGGER jobs_frozen ON jobs")
    with databases.swept_postgres(postgres_server) as third, psycopg.connect(third) as connection:
        assert connection.execute(FROZEN).fetchone() == (1,)
    database.close()
