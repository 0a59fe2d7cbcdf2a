"""The chain of the audit record: whatever is done behind its back shows, and erasing by retention breaks nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from storage.also import add_rows
from storage.audit import Decision, Output, Pictures, PolicyId, Print, Prompts, Stage, Wording
from storage.audit_rows import audit_row
from storage.audit_store import PAGE, AuditStore, Head
from storage.audit_tables import audit_head, audit_records
from storage.audit_verify import verify
from storage.database import Database, db_now
from storage.errors import AuditHeadMissing

POLICY = PolicyId("test", "1.0.0", "ab" * 32)
WORDS = Prompts(Wording("a (red:1.2) Circle", "blur"), Wording("a red circle", "blur"), Wording("a red Circle", "blur"))
SEEN = Pictures(Print("1" * 64, "2" * 64, 97), None, (Output(Print("3" * 64), "0a1b2c3d4", "7", "4" * 64),))
SIGNAL = {
    "name": "concepts.nude@region",
    "value": 1e-07,
    "threshold": 0.0,
    "backend": "c",
    "version": "1",
    "error": None,
}


@pytest.fixture
def store(database: Database) -> AuditStore:
    return AuditStore(database)


def decision(**changes: object) -> Decision:
    found = [{"rule": "prompt.x", "category": "gore", "action": "allow"}]
    values = {"findings": found, "signals": [SIGNAL], "prompts": WORDS, "pictures": SEEN, "user": "usr_1", **changes}
    return Decision(Stage.PROMPT, "allow", POLICY, **values)  # type: ignore[arg-type]


def add(database: Database, count: int, subject: str = "job_1", **changes: object) -> None:
    with database.transaction() as connection:
        add_rows(connection, [audit_row(subject, decision(**changes)) for _ in range(count)])


def change(database: Database, *statements: sa.UpdateBase) -> None:
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def numbered(seq: int) -> sa.ColumnElement[bool]:
    return audit_records.c.seq == seq


def test_a_record_says_all_there_is_to_say(database: Database, store: AuditStore) -> None:
    add(database, 1, reason="consent_shown", actor="ada", automated=False, note="They wrote to us.")
    (record,) = store.of("job_1")
    assert record.content == {
        "record": {
            "stage": "prompt",
            "action": "allow",
            "policy": {"name": "test", "version": "1.0.0", "sha256": "ab" * 32},
            "findings": [{"rule": "prompt.x", "category": "gore", "action": "allow"}],
            "signals": [SIGNAL],
            "waived": [],
            "actor": "ada",
            "automated": False,
            "reason": "consent_shown",
        },
        "prompts": {
            "prompts": {
                "submitted": {"prompt": "a (red:1.2) Circle", "negative_prompt": "blur"},
                "normalized": {"prompt": "a red circle", "negative_prompt": "blur"},
                "used": {"prompt": "a red Circle", "negative_prompt": "blur"},
            },
            "note": "They wrote to us.",
        },
        "hashes": {
            "input": {"sha256": "1" * 64, "pdq": "2" * 64, "quality": 97},
            "mask": None,
            "outputs": [
                {
                    "picture": {"sha256": "3" * 64, "pdq": None, "quality": None},
                    "watermark_id": "0a1b2c3d4",
                    "key_id": "7",
                    "manifest_sha256": "4" * 64,
                }
            ],
        },
        "user": "usr_1",
    }


def test_records_wait_until_they_are_sealed_and_every_one_names_the_one_before(
    database: Database, store: AuditStore
) -> None:
    add(database, 3)
    assert (verify(store).unsealed, verify(store).checked, store.head()) == (3, 0, Head(0, "0" * 64))
    assert store.seal() == 3
    assert store.seal() == 0
    add(database, 2)
    assert store.seal() == 2
    report = verify(store)
    assert (report.checked, report.unsealed, report.fault) == (5, 0, None)
    (page,) = store.pages()
    assert [record.previous for record in page] == ["0" * 64, *(record.hash for record in page[:-1])]
    assert store.head() == Head(5, page[-1].hash or "")


def test_a_chain_of_several_pages_is_sealed_in_order_and_verifies(database: Database, store: AuditStore) -> None:
    add(database, PAGE + 20)
    assert [store.seal(), store.seal(), store.seal()] == [PAGE, 20, 0]
    report = verify(store)
    assert (report.checked, report.fault) == (PAGE + 20, None)
    ids = [record.id for page in store.pages() for record in page]
    assert ids == sorted(ids)


def lifted(above: int) -> list[sa.UpdateBase]:
    """Moves every number above `above` up by one; by way of numbers far off, for they must never meet."""
    far = 1_000_000
    return [
        sa.update(audit_records).where(audit_records.c.seq > above).values(seq=audit_records.c.seq + far),
        sa.update(audit_records).where(audit_records.c.seq > above).values(seq=audit_records.c.seq - far + 1),
    ]


def lowered(above: int) -> list[sa.UpdateBase]:
    return [sa.update(audit_records).where(numbered(seq)).values(seq=seq - 1) for seq in range(above + 1, 7)]


def linked(seq: int) -> sa.Update:
    """Lets the record name the one before it, whichever that is."""
    others = audit_records.alias()
    before = sa.select(others.c.hash).where(others.c.seq == seq - 1).scalar_subquery()
    return sa.update(audit_records).where(numbered(seq)).values(previous=before)


def twin(seq: int) -> sa.Insert:
    """A record that looks like the one numbered 3, under this number."""
    names = ["record", "prompts", "hashes", "user", "commitments", "previous", "hash"]
    own = (sa.literal("job_2"), sa.literal("aud_x"), audit_records.c.at, sa.literal(seq))
    copied = sa.select(*own, *[audit_records.c[name] for name in names]).where(numbered(3))
    return sa.insert(audit_records).from_select(["subject", "id", "at", "seq", *names], copied)


@pytest.mark.parametrize(
    ("done", "seq", "says"),
    [
        ([sa.update(audit_records).where(numbered(3)).values(record="x" * 32 + '{"action":"allow"}')], 3, "`record`"),
        ([sa.update(audit_records).where(numbered(3)).values(user="x" * 32 + '"usr_2"')], 3, "changed.*`user`"),
        ([sa.update(audit_records).where(numbered(3)).values(subject="job_2")], 3, "changed"),
        ([sa.update(audit_records).where(numbered(3)).values(at=db_now(-60))], 3, "changed"),
        ([sa.update(audit_records).where(numbered(3)).values(commitments="{}")], 3, "changed"),
        ([sa.delete(audit_records).where(numbered(3))], 3, "Record 3 was removed"),
        ([sa.delete(audit_records).where(audit_records.c.seq.in_([1, 2]))], 1, "Records 1 to 2 were removed"),
        ([sa.delete(audit_records).where(numbered(3)), *lowered(3)], 3, "a record was removed there"),
        ([sa.delete(audit_records).where(numbered(3)), *lowered(3), linked(3)], 3, "Record 3 .* changed"),
        ([*lifted(3), twin(4)], 4, "changed"),
        ([twin(0)], 0, "Record 0 .*inserted"),
        ([twin(7)], 7, "Record 7 was inserted"),
        ([sa.delete(audit_records).where(numbered(6))], 6, "Record 6 was removed from the end"),
        ([sa.delete(audit_records).where(audit_records.c.seq > 2)], 3, "Records 3 to 6 were removed from the end"),
        ([sa.update(audit_head).values(seq=5)], 5, "the head was changed"),
        ([sa.update(audit_head).values(hash="e" * 64)], 6, "the head was changed"),
    ],
)
def test_the_first_record_that_was_changed_removed_or_inserted_is_named(
    database: Database, store: AuditStore, done: list[sa.UpdateBase], seq: int, says: str
) -> None:
    add(database, 6)
    store.seal()
    change(database, *done)
    fault = verify(store).fault
    assert fault is not None
    assert fault.seq == seq
    assert re.search(says, fault.sentence)


def test_a_whole_chain_that_was_written_anew_does_not_fit_an_anchor(database: Database, store: AuditStore) -> None:
    add(database, 4)
    store.seal()
    anchor = store.head()
    add(database, 2)
    store.seal()
    assert verify(store, anchor).fault is None
    change(
        database,
        sa.update(audit_records).values(seq=None, commitments=None, previous=None, hash=None),
        sa.delete(audit_records).where(audit_records.c.id == store.of("job_1")[1].id),
        sa.update(audit_head).values(seq=0, hash="0" * 64),
    )
    store.seal()
    assert verify(store).fault is None, "by itself it looks sound"
    fault = verify(store, anchor).fault
    assert fault is not None
    assert (fault.seq, "the chain was written anew" in fault.sentence) == (4, True)
    change(database, sa.delete(audit_records), sa.update(audit_head).values(seq=0, hash="0" * 64))
    gone = verify(store, anchor).fault
    assert gone is not None
    assert "removed" in gone.sentence


def test_a_chain_without_its_head_is_neither_verified_nor_continued(database: Database, store: AuditStore) -> None:
    add(database, 1)
    change(database, sa.delete(audit_head))
    for use in (store.seal, lambda: verify(store)):
        with pytest.raises(AuditHeadMissing, match="backup"):
            use()


def test_a_column_past_its_time_is_erased_and_the_chain_still_verifies(database: Database, store: AuditStore) -> None:
    add(database, 3, "job_old")
    change(database, sa.update(audit_records).values(at=db_now(-40 * 86400)))
    add(database, 2, "job_young")
    assert store.erase("prompts", older_than_days=30) == 0, "only what is sealed may be erased"
    store.seal()
    assert store.erase("prompts", older_than_days=30) == 3
    assert store.erase("prompts", older_than_days=30) == 0
    assert store.erase("user", older_than_days=39) == 3
    assert [record.erased for record in store.of("job_old")] == [["prompts", "user"]] * 3
    assert [record.content["prompts"] for record in store.of("job_old")] == [None] * 3
    assert [record.erased for record in store.of("job_young")] == [[]] * 2
    report = verify(store)
    assert (report.checked, report.fault, report.erased) == (5, None, {"prompts": 3, "user": 3})


def test_what_was_erased_cannot_be_put_back_otherwise(database: Database, store: AuditStore) -> None:
    add(database, 1)
    store.seal()
    change(database, sa.update(audit_records).values(prompts=None))
    assert verify(store).fault is None
    change(database, sa.update(audit_records).values(prompts="0" * 32 + '{"note":"other words"}'))
    assert verify(store).fault is not None


def test_equal_content_has_unlike_commitments(database: Database, store: AuditStore) -> None:
    """Or whoever guesses an erased prompt could prove the guess."""
    add(database, 2)
    store.seal()
    first, second = store.of("job_1")
    assert first.content == second.content
    assert first.commitments is not None
    assert second.commitments is not None
    assert set(first.commitments.values()).isdisjoint(second.commitments.values())


def test_the_latest_records_come_first_and_no_more_than_were_asked_for(database: Database, store: AuditStore) -> None:
    add(database, 3)
    assert store.latest(since=None, limit=9) == [], "what is not sealed proves nothing"
    store.seal()
    assert [record.seq for record in store.latest(since=None, limit=2)] == [3, 2]
    (newest, *_) = store.latest(since=None, limit=1)
    assert store.latest(since=newest.at + timedelta(seconds=1), limit=9) == []
