"""Retention by kind and by tenant, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from producer.keeper.orphans import collecting
from storage.audit import Decision, PolicyId, Prompts, Stage, Wording
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.audit_verify import verify
from storage.batch_store import BatchStore
from storage.batch_tables import batches
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.events import Event, add_events
from storage.job import Job
from storage.job_reader import JobReader
from storage.object_store import ObjectStore
from storage.retention import Kind
from storage.retention_store import RetentionStore
from storage.tables import job_events
from tests.cases import open_case
from tests.integration.keeper.test_erase import DAY, Shop
from tests.jobs import Desk, change
from tests.objects import keys

pytestmark = pytest.mark.parametrize("objects", ["folder"], indirect=True)


@pytest.fixture
def shop(database: Database, objects: ObjectStore, desk: Desk) -> Shop:
    """A tenant whose jobs are kept by the rules of a test."""
    return Shop(database, objects, desk)


def left(shop: Shop, job: Job) -> tuple[int, int, str]:
    """What is left of a job: inputs, results, prompt."""
    stored = [key for key in keys(shop.objects) if job.id in key]
    inputs = len([key for key in stored if key.startswith("inputs/")])
    row = JobReader(shop.database).get(job.id, job.tenant_id)
    return inputs, len(stored) - inputs, row.params.prompt


def test_each_kind_goes_in_its_time_and_the_job_is_erased_with_the_last(shop: Shop) -> None:
    old, older, oldest = (shop.finished(days) for days in (2, 20, 200))
    erase = shop.keeping({Kind.INPUTS: 1, Kind.RESULTS: 10, Kind.PROMPTS: 100})["erase_jobs"]
    assert erase() == 3 + 2 + 1
    assert [left(shop, job)[:2] for job in (old, older, oldest)] == [(0, 1), (0, 0), (0, 0)]
    assert [left(shop, job)[2] for job in (old, older, oldest)] == ["a red circle", "a red circle", ""]
    assert [shop.has_erased(job) for job in (old, older, oldest)] == [False, False, True]
    assert erase() == 0, "it goes on where it was, and does not begin again"


def test_a_tenant_with_a_rule_of_its_own_is_kept_by_that_one(shop: Shop) -> None:
    other = Shop(shop.database, shop.objects, Desk(shop.database, "other"))
    mine, theirs = shop.finished(5), other.finished(5)
    shop.rules.set("acme", {Kind.INPUTS: 1, Kind.RESULTS: None})
    erase = shop.keeping({Kind.INPUTS: 30, Kind.RESULTS: 1})["erase_jobs"]
    erase()
    assert (left(shop, mine)[:2], left(shop, theirs)[:2]) == ((0, 1), (2, 0))

    shop.rules.set("acme", {}, forgotten=frozenset({Kind.RESULTS}))
    erase()
    assert left(shop, mine)[:2] == (0, 0), "the walk for everybody had passed it while it had a rule of its own"


def test_files_go_by_the_rule_of_their_tenant(shop: Shop) -> None:
    other = Shop(shop.database, shop.objects, Desk(shop.database, "other"))
    kept, gone = shop.upload(5), other.upload(5)
    shop.rules.set("acme", {Kind.INPUTS: 30})
    assert shop.keeping({Kind.INPUTS: 1})["erase_files"]() == 1
    assert (kept.key in keys(shop.objects), gone.key in keys(shop.objects)) == (True, False)


def test_a_history_keeps_its_end(shop: Shop) -> None:
    job = shop.finished(5)
    with shop.database.transaction() as connection:
        add_events(connection, [Event(job.id, job.tenant_id, 1, "job.succeeded", {})])
    shop.keeping({Kind.EVENTS: 1})["erase_jobs"]()
    with shop.database.reading() as connection:
        types = connection.scalars(sa.select(job_events.c.type).where(job_events.c.job_id == job.id)).all()
    assert types == ["job.succeeded"]


def test_prompts_on_record_may_go_sooner_for_a_tenant_and_the_chain_stays_whole(shop: Shop) -> None:
    other = Shop(shop.database, shop.objects, Desk(shop.database, "other"))
    mine, theirs = shop.finished(5), other.finished(5)
    words = Prompts(*[Wording("a red circle")] * 3)
    decision = Decision(Stage.PROMPT, "allow", PolicyId("p", "1", "0" * 64), prompts=words)
    with shop.database.transaction() as connection:
        for job in (mine, theirs):
            row = audit_row(job.id, decision)
            connection.execute(sa.insert(row.table).values(**row.values, at=db_now()))
    audit = AuditStore(shop.database)
    audit.seal()
    shop.rules.set("acme", {Kind.AUDIT: 1})
    shop.keeping({})["erase_jobs"]()
    assert [audit.of(job.id)[0].erased for job in (mine, theirs)] == [["prompts"], []]
    assert verify(audit).fault is None


def test_what_people_wrote_goes_and_what_they_decided_stays(shop: Shop) -> None:
    ruling = {"choice": "reject", "reason": "other", "rule": None, "note": "a note", "then": []}
    decided, pending = (open_case(shop.database, words="words") for _ in range(2))
    batch = BatchStore(shop.database).open(shop.desk.tenant_id, key="k", metadata={"a": "b"}, webhook_id=None)
    with shop.database.transaction() as connection:
        its = sa.update(cases).where(cases.c.id == decided.id)
        connection.execute(its.values(undo_note="a note", state="decided", decided_at=db_now(-5 * DAY), ruling=ruling))
        connection.execute(sa.update(batches).values(finished_at=db_now(-5 * DAY)))
    erase = shop.keeping({Kind.CASES: 1, Kind.BATCHES: 1})["erase_words"]
    assert [erase(), erase()] == [2, 0]
    with shop.database.reading() as connection:
        rows = {row.id: row for row in connection.execute(sa.select(cases))}
        assert connection.scalar(sa.select(batches.c.metadata).where(batches.c.id == batch.id)) == {}
    left = rows[decided.id]
    assert (left.words, left.undo_note, left.ruling) == (None, None, {**ruling, "note": None})
    assert rows[pending.id].words == "words"


def test_what_nobody_decides_in_time_expires_and_leaves_the_quarantine(shop: Shop) -> None:
    job = shop.submit()
    shop.desk.claim_one()
    image = {"index": 0, "key": shop.put(f"quarantine/{job.id}/1-0-x"), "sha256": "0" * 64, "width": 8, "height": 8}
    image |= {"content_type": "image/png", "seed": 7, "watermark_id": "abc"}
    change(shop.database, job.id, state="held", held_at="result", images=[image], created_at=db_now(-5 * DAY))
    assert shop.keeping({Kind.HELD: 10})["expire_held"]() == 0
    assert shop.keeping({Kind.HELD: 1})["expire_held"]() == 1
    assert JobReader(shop.database).get(job.id, job.tenant_id).state == "expired"
    collecting(RetentionStore(shop.database), shop.objects, shop.stop, seconds=1, ttl_seconds=-60).do()
    assert [key for key in keys(shop.objects) if key.startswith("quarantine/")] == []
