"""The keeper's care of the audit record."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from producer.keeper.audit import erasing_columns, sealing
from storage.also import add_rows
from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.audit_store import PAGE, AuditStore
from storage.audit_tables import audit_records
from storage.audit_verify import verify
from storage.database import Database, db_now


@pytest.fixture
def store(database: Database) -> AuditStore:
    return AuditStore(database)


def decide(database: Database, count: int) -> None:
    decision = Decision(Stage.PROMPT, "allow", PolicyId("p", "1.0.0", "0" * 64), user="usr_1", note="words")
    with database.transaction() as connection:
        add_rows(connection, [audit_row("job_1", decision) for _ in range(count)])


def test_all_that_waits_is_sealed_in_one_turn_and_the_log_holds_the_new_head(
    database: Database, store: AuditStore
) -> None:
    decide(database, PAGE + 5)
    duty = sealing(store, threading.Event())
    with capture_logs() as logs:
        assert (duty.do(), duty.do()) == (PAGE + 5, 0)
    (line,) = [line for line in logs if line["event"] == "audit_sealed"]
    assert (line["seq"], line["hash"]) == (PAGE + 5, store.head().hash)
    assert verify(store).fault is None


def test_two_keepers_seal_every_record_once(database: Database, store: AuditStore) -> None:
    decide(database, 3 * PAGE)
    sealed: list[int | None] = []
    keepers = [threading.Thread(target=lambda: sealed.append(sealing(store, threading.Event()).do())) for _ in range(2)]
    for keeper in keepers:
        keeper.start()
    for keeper in keepers:
        keeper.join()
    assert sum(count or 0 for count in sealed) == 3 * PAGE
    assert (verify(store).checked, verify(store).fault) == (3 * PAGE, None)


def test_each_column_goes_by_its_own_time_and_one_without_a_time_stays(database: Database, store: AuditStore) -> None:
    decide(database, PAGE + 5)
    with database.transaction() as connection:
        connection.execute(sa.update(audit_records).values(at=db_now(-10 * 86400)))
    sealing(store, threading.Event()).do()
    days = {"prompts": 9.0, "user": 11.0, "hashes": 1.0, "record": None}
    duty = erasing_columns(store, days, threading.Event())
    assert duty.do() == 2 * (PAGE + 5), "what it went through: the prompts, and hashes of which there are none"
    assert duty.do() == 0
    report = verify(store)
    assert (report.fault, report.erased) == (None, {"prompts": PAGE + 5})
    (first, *_) = store.of("job_1")
    assert (first.content["user"], first.content["record"]["action"]) == ("usr_1", "allow")
