"""The roles of PostgreSQL: every program does its work as its own, and what it has no need of is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege

from producer.doctor import Outcome
from producer.doctor.database import examine_database
from producer.erasures import Asked, Erasures
from producer.keeper.fleet_metrics import FleetCollector
from producer.keeper.program import Connections, duties
from producer.keeper.review_metrics import ReviewCollector
from producer.restore import take_stock
from producer.settings import ProducerSettings
from safety.policy import Retention
from safety.retention_schema import JobRetention
from storage.audit import PolicyId
from storage.case import CaseKind
from storage.case_rows import case_row
from storage.database import Database
from storage.erasure_store import Scope
from storage.feed import Feed
from storage.hash_bank_store import HashBankStore
from storage.job import Job, JobError
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from storage.object_store import LocalObjectStore
from storage.queue_reader import QueueReader
from storage.retention import Kind
from storage.retention_rules import RetentionRules
from storage.roles import RIGHTS, role_statements
from storage.settings import StorageSettings
from storage.strike_store import strike_row
from storage.tables import metadata
from storage.upkeep_reader import UpkeepReader
from tests import databases
from tests.contract.api.serving import mask, photo, running
from tests.jobs import VERDICT, Desk, result
from tests.null_worker import CELERY
from tests.packaged import POLICY
from tests.service import program, settings

PREFIX = "least"


@dataclass(frozen=True, slots=True)
class Roles:
    """A migrated database with the roles. `owner` is the address of whoever migrated it."""

    owner: str

    def address(self, role: str) -> str:
        return self.owner.replace("://postgres:@", f"://{PREFIX}_{role}@")

    def refuses(self, role: str, statement: str) -> bool:
        """Whether PostgreSQL refuses `statement` to that role, for want of rights or by the trigger."""
        with psycopg.connect(self.address(role)) as connection:
            try:
                connection.execute(statement)
            except (InsufficientPrivilege, CheckViolation):
                return True
            finally:
                connection.rollback()
        return False


@pytest.fixture(scope="module")
def roles(postgres_server: str) -> Iterator[Roles]:
    """Given twice, as after a second migration."""
    with databases.migrated_postgres(postgres_server, "least_privilege") as owner:
        with psycopg.connect(owner, autocommit=True) as connection:
            for statement in [*role_statements(PREFIX)] * 2:
                connection.execute(statement)
        yield Roles(owner)
        with psycopg.connect(owner, autocommit=True) as connection:
            for role in ("migrator", "api", "keeper", "worker", "auditor"):
                connection.execute(f"DROP OWNED BY {PREFIX}_{role}; DROP ROLE {PREFIX}_{role}")


@pytest.fixture(scope="module")
def way(roles: Roles, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a job that went its whole way, each program as its own role."""
    folder = tmp_path_factory.mktemp("roles")
    env = settings(folder, database_url=roles.address("worker"), redis_url=redis_url, s3=None)
    worker = program("worker", ["tests.null_worker", *CELERY, "4", "--hostname", "roles@localhost"], env, folder)
    with (
        running(folder, database_url=roles.address("api"), redis_url=redis_url) as stack,
        worker,
        ExitStack() as end,
    ):
        tenant = stack.tenant("acme", "submit", "read", "admin")
        http = end.enter_context(tenant.http)
        hook = http.post("/v1/webhooks", json={"url": "https://example.invalid/hook"})
        key = http.post("/v1/keys", json={"name": "web", "scopes": ["read"]})
        file = http.post("/v1/files", files={"file": photo((128, 96))})
        assert (hook.status_code, key.status_code, file.status_code) == (201, 201, 201)
        body = {"user": "ann", "image": file.json()["id"], "mask": None, "steps": 2}
        body["mask"] = http.post("/v1/files", files={"file": mask((128, 96))}).json()["id"]
        job = tenant.accepted(**body)
        rounds = (http.get(f"/v1/jobs/{job['id']}", params={"wait": 20}).json()["status"] for _ in range(5))
        assert "succeeded" in rounds
        canceled = tenant.accepted(**body, model="xl")
        assert http.post(f"/v1/jobs/{canceled['id']}/cancel").status_code == 200
        assert http.delete(f"/v1/jobs/{canceled['id']}").status_code in (200, 202, 204)
        assert tenant.submit(prompt="undress her").json()["status"] == "blocked"
        http.close()
        storage = StorageSettings(roles.address("keeper"), redis_url, f"file://{folder / 'objects'}")
        # So that the keeper erases what it can of everything.
        RetentionRules(stack.services.database).set("acme", dict.fromkeys(Kind, 1e-6))
    keep(storage)
    return str(job["id"])


def keep(storage: StorageSettings) -> None:
    """Does every duty of a keeper once, retention included."""
    connections, stop = Connections.open(storage), threading.Event()
    producer = replace(ProducerSettings.from_env({}), retention_days=1e-6)
    soon = JobRetention(events=1e-6, cases=1e-6, batches=1e-6, held=30)
    policy = replace(POLICY, retention=Retention(marks=30, jobs=soon))
    for duty in duties(connections, storage, producer, policy, stop):
        duty.do()
    connections.close()


def test_every_program_does_its_work_as_its_own_role(roles: Roles, way: str) -> None:
    with psycopg.connect(roles.address("auditor")) as connection:
        sealed = connection.execute("SELECT seq FROM audit_records WHERE subject = %s", [way]).fetchall()
        told = connection.execute("SELECT type FROM job_events WHERE job_id = %s ORDER BY id", [way]).fetchall()
    assert sealed
    assert all(seq is not None for (seq,) in sealed), "the keeper sealed what API and worker wrote"
    assert [kind for (kind,) in told][-1] == "job.succeeded"


def test_every_move_of_a_worker_is_its_roles(roles: Roles, way: str) -> None:
    front, database = Database(roles.address("api")), Database(roles.address("worker"))
    desk, jobs, leases = Desk(front), JobStore(database), LeaseStore(database)
    assert HashBankStore(database).all() == []
    assert HashBankStore(database).edition()[0] == 0
    error = JobError("x", "y", retryable=False)
    why: dict[str, Any] = {"category": "nudity", "severity": 3, "rule": "r"}
    moves: list[Callable[[Job], bool]] = [
        lambda job: jobs.release(job),
        lambda job: jobs.retry(job, error, delay_seconds=0),
        lambda job: jobs.crash(job),
        lambda job: jobs.fail(job, error),
        lambda job: jobs.block(job, result(job), [strike_row(job, "nudity", weight=1, rule="r", severity=3)]),
        lambda job: jobs.hold_request(
            job, safety=VERDICT, also=[case_row(job, CaseKind.HELD, queue="q", seconds=9, **why)]
        ),
        lambda job: jobs.hold_result(job, result(job)),
        lambda job: jobs.finish_cancel(job, receipt={}),
        lambda job: jobs.finish_expired(job, receipt={}),
    ]
    for move in moves:
        submitted = desk.submit()
        (job,) = leases.claim("w", models=["default"])
        assert leases.beat("w", {(job.id, job.attempt): 3})
        assert move(job)
        desk.jobs.cancel(submitted.id, submitted.tenant_id)
    leases.give_up("w")
    front.close()
    database.close()


def test_the_feed_waits_for_what_other_roles_have_yet_to_commit(roles: Roles) -> None:
    front = Database(roles.address("api"))
    desk, feed = Desk(front, "feed"), Feed(front, lag_seconds=0)
    with psycopg.connect(roles.address("worker")) as late:
        late.execute("SELECT pg_current_xact_id()")  # as if it had written an event
        desk.submit()
        assert feed.page(desk.tenant_id).events == ()
        late.rollback()
    assert [event.type for event in feed.page(desk.tenant_id).events] == ["job.queued"]
    front.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM api_keys",
        "SELECT secrets FROM webhook_endpoints",
        "SELECT * FROM webhook_defaults",
        "SELECT * FROM moderators",
        "SELECT * FROM console_sessions",
        "SELECT body FROM idempotency_keys",
        "INSERT INTO api_keys (id) VALUES ('x')",
        "UPDATE webhook_endpoints SET url = 'https://evil.example'",
        "DELETE FROM jobs",
        "CREATE TABLE mine (x int)",
    ],
)
def test_a_worker_that_is_taken_over_finds_no_key_and_no_secret(roles: Roles, way: str, statement: str) -> None:
    assert roles.refuses("worker", statement)


@pytest.mark.parametrize("role", ["api", "keeper", "worker", "auditor"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_records SET record = '{}'",
        "UPDATE audit_records SET hash = repeat('0', 64)",
        "UPDATE audit_records SET prompts = 'another'",
        "UPDATE audit_records SET at = at - interval '1 day'",
        "DELETE FROM audit_records",
        "TRUNCATE audit_records",
        "DELETE FROM audit_head",
        "ALTER TABLE audit_records DISABLE TRIGGER ALL",
    ],
)
def test_nobody_but_the_owner_changes_what_the_record_says(roles: Roles, way: str, role: str, statement: str) -> None:
    assert roles.refuses(role, statement)


def test_an_auditor_changes_nothing_and_sees_no_secret(roles: Roles, way: str) -> None:
    for table in RIGHTS:
        assert roles.refuses("auditor", f"DELETE FROM {table}")
    for table in ("api_keys", "webhook_endpoints", "webhook_defaults", "moderators", "console_sessions"):
        assert roles.refuses("auditor", f"SELECT * FROM {table}")


def test_the_keeper_may_read_every_figure_that_it_tells(roles: Roles) -> None:
    database = Database(roles.address("keeper"))
    fleet = FleetCollector(QueueReader(database), UpkeepReader(database), ["default"])
    collectors = (fleet, ReviewCollector.on(database, POLICY))
    told = {family.name for collector in collectors for family in collector.collect()}
    database.close()
    assert told >= {"inpaintd_backlog_seconds", "inpaintd_jobs_ended", "inpaintd_overdue", "inpaintd_review_late_cases"}


@pytest.mark.parametrize("role", ["api", "keeper", "worker"])
def test_the_doctor_finds_nothing_wrong_with_any_role(roles: Roles, role: str) -> None:
    database = Database(roles.address(role))
    told = {finding.what: finding for finding in examine_database(database)}
    database.close()
    assert {finding.outcome for finding in told.values()} == {Outcome.OK}
    assert ("cannot see them" in told["webhook secrets"].detail) == (role == "worker")


def test_every_table_is_spoken_of() -> None:
    assert set(RIGHTS) == {*metadata.tables, "alembic_version"}


def test_an_erasure_is_the_keepers_and_a_tenants_rules_are_the_apis(roles: Roles, way: str, tmp_path: Path) -> None:
    with psycopg.connect(roles.address("auditor")) as connection:
        found = connection.execute("SELECT tenant_id FROM jobs WHERE id = %s", [way]).fetchone()
    assert found is not None
    database, front = Database(roles.address("keeper")), Database(roles.address("api"))
    RetentionRules(front).set("acme", {Kind.INPUTS: 1.0})
    objects = LocalObjectStore(tmp_path)
    erasures = Erasures(database, objects, PolicyId("p", "1", "0" * 64))
    receipt = erasures.run(Scope(found[0]), Asked("eve", "request 17"))
    assert way in receipt.jobs
    assert erasures.problems(receipt.id) == []
    assert take_stock(database, objects).chain.fault is None
    for opened in (database, front):
        opened.close()
