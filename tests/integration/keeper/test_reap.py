"""Taking jobs back from the dead, but not while the database itself kept the living from beating."""

from __future__ import annotations

import psycopg
import pytest

from producer.keeper.keeper import Keeper
from producer.keeper.reap import Reaper, reaping
from storage.database import Database, migrate
from storage.errors import DatabaseUnavailable
from storage.job import JobState
from storage.job_reader import JobReader
from storage.lease_store import LeaseStore
from tests import servers
from tests.jobs import Desk


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Uptime:
    """A database server that started so many seconds ago, or is away."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.away = False

    def up_seconds(self) -> float | None:
        """Like Database.up_seconds."""
        if self.away:
            raise DatabaseUnavailable("the database did not answer")
        return self.seconds


class Leases:
    """Leases of which one ends whenever somebody looks."""

    lease_seconds = 45.0

    def __init__(self) -> None:
        self.away = False

    def reap(self) -> list[str]:
        """Like LeaseStore.reap."""
        if self.away:
            raise DatabaseUnavailable("the database did not answer")
        return ["job_1"]


def reaper(database: Uptime, leases: Leases | None = None, clock: Clock | None = None) -> Reaper:
    return Reaper(leases or Leases(), database, clock or Clock())  # type: ignore[arg-type]


@pytest.fixture
def long_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' PostgreSQL started a moment ago; here it did long ago."""
    monkeypatch.setattr(Database, "up_seconds", lambda self: 3600.0)


def state(database: Database, desk: Desk, job_id: str) -> JobState:
    return JobReader(database).get(job_id, desk.tenant_id).state


@pytest.mark.usefixtures("long_up")
def test_a_job_of_a_dead_worker_waits_again_and_others_are_left_alone(database: Database, desk: Desk) -> None:
    lost, held = desk.submit(), desk.submit()
    assert desk.claim_one(lease_seconds=-1).id == lost.id
    assert desk.claim_one(lease_seconds=60).id == held.id
    keepers = [(Keeper([]), reaping(desk.leases, database)) for _ in range(2)]
    for keeper, duty in keepers:
        keeper.attempt(duty)
    assert state(database, desk, lost.id) is JobState.QUEUED
    assert state(database, desk, held.id) is JobState.RUNNING
    assert JobReader(database).get(lost.id, desk.tenant_id).crash_count == 1


def test_postgresql_says_how_long_it_has_been_up(database: Database, database_url: str) -> None:
    up = database.up_seconds()
    assert up is None if database_url.startswith("sqlite") else up is not None and 0 < up < 3600


def test_a_keeper_that_starts_after_an_outage_gives_the_workers_one_lease() -> None:
    database = Uptime(seconds=3.0)
    keep = reaper(database)
    assert keep.reap() == 0
    database.seconds = 44.0
    assert keep.reap() == 0
    database.seconds = 46.0
    assert keep.reap() == 1


@pytest.mark.parametrize("who", ["database", "leases"])
def test_after_an_outage_the_workers_get_one_lease_to_beat_again(who: str) -> None:
    parts = {"database": Uptime(3600.0), "leases": Leases()}
    clock = Clock()
    keep = reaper(parts["database"], parts["leases"], clock)  # type: ignore[arg-type]
    assert keep.reap() == 1
    parts[who].away = True
    with pytest.raises(DatabaseUnavailable):
        keep.reap()
    clock.now += 100
    parts[who].away = False
    assert keep.reap() == 0
    clock.now += 44
    assert keep.reap() == 0
    clock.now += 2
    assert keep.reap() == 1
    assert keep.reap() == 1


def test_sqlite_has_no_server_to_wait_for() -> None:
    assert reaper(Uptime(None)).reap() == 1


@pytest.mark.usefixtures("long_up")
def test_a_connection_cut_while_reaping_is_an_outage(postgres_url: str) -> None:
    database, clock = Database(postgres_url), Clock()
    desk = Desk(database)
    job = desk.submit()
    desk.claim_one(lease_seconds=-1)
    keep = Reaper(_CutBefore(desk.leases, postgres_url), database, clock)  # type: ignore[arg-type]
    with pytest.raises(DatabaseUnavailable):
        keep.reap()
    assert keep.reap() == 0
    assert state(database, desk, job.id) is JobState.RUNNING
    clock.now += desk.leases.lease_seconds
    assert keep.reap() == 1
    assert state(database, desk, job.id) is JobState.QUEUED
    database.close()


def test_after_a_restart_of_postgresql_a_new_keeper_leaves_the_living_their_jobs() -> None:
    with servers.postgres() as server, servers.fresh_database(server.uri, "restarted") as url:
        migrate(url)
        database = Database(url)
        desk = Desk(database)
        job = desk.submit()
        desk.claim_one(lease_seconds=-1)
        server.restart("immediate")
        leases = LeaseStore(database, lease_seconds=600.0)
        assert Reaper(leases, database).reap() == 0
        assert state(database, desk, job.id) is JobState.RUNNING
        assert leases.reap() == [job.id]
        database.close()


class _CutBefore:
    """Leases whose first reaping loses its connection, as by pg_terminate_backend or a restart."""

    def __init__(self, leases: object, url: str) -> None:
        self._leases = leases
        self._url = url
        self._cut = False
        self.lease_seconds = 45.0

    def reap(self) -> list[str]:
        """Cuts every other connection to the database under the feet of the transaction, once."""
        database: Database = self._leases._database  # type: ignore[attr-defined]
        if not self._cut:
            self._cut = True
            with database.transaction() as connection:
                with psycopg.connect(self._url, autocommit=True) as other:
                    other.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                connection.exec_driver_sql("SELECT 1")
        return self._leases.reap()  # type: ignore[attr-defined, no-any-return]
