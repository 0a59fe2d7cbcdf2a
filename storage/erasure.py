"""What is forgotten of a job when its content is erased: in its row, and wherever the same words were written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from storage.audit_tables import audit_records
from storage.case_tables import case_skips, cases
from storage.database import db_now
from storage.job import TERMINAL
from storage.retention import CONTENT, Kind
from storage.tables import idempotency_keys, job_events, jobs
from storage.webhook_tables import webhook_attempts, webhook_deliveries

_NO_WORDS = {"prompt": "", "negative_prompt": ""}


def forget_content(connection: sa.Connection, job_ids: Collection[str]) -> None:
    """Erases all content of ended jobs, and what people wrote about them. Their rows stay: states, costs, findings.

    The prompts in the audit record have a retention of their own; they go now only where the job's owner asked.
    """
    forget_kinds(connection, job_ids, CONTENT)
    forget_words(connection, list(connection.scalars(sa.select(cases.c.id).where(cases.c.job_id.in_(job_ids)))))
    asked = sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.erase_asked_at.is_not(None))
    forget_prompts_on_record(connection, asked)


def forget_kinds(connection: sa.Connection, job_ids: Collection[str], kinds: Collection[Kind]) -> None:
    """Erases these kinds of content of ended jobs; the objects of inputs and results are gone already."""
    if Kind.PROMPTS in kinds:
        _forget_messages(connection, job_ids)
        _forget_answers(connection, job_ids)
        columns = (jobs.c.id, jobs.c.params, jobs.c.receipt)
        rows = connection.execute(sa.select(*columns).where(jobs.c.id.in_(job_ids))).all()
        if rows:
            connection.execute(_clearing(), [_cleared(row) for row in rows])
    if Kind.AUDIT in kinds:
        forget_prompts_on_record(connection, sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids)))
    if Kind.EVENTS in kinds:
        ends = [f"job.{state}" for state in TERMINAL]
        on_the_way = sa.and_(job_events.c.job_id.in_(job_ids), job_events.c.type.not_in(ends))
        connection.execute(sa.delete(job_events).where(on_the_way))
    _note(connection, job_ids, [_NOTES[kind] for kind in sorted(CONTENT.intersection(kinds))])


_NOTES = {Kind.INPUTS: "inputs_erased_at", Kind.RESULTS: "results_erased_at", Kind.PROMPTS: "prompts_erased_at"}


def _note(connection: sa.Connection, job_ids: Collection[str], names: Sequence[str]) -> None:
    """Says in the rows what they lost just now, and that nothing is left where they have lost all of it."""
    if not names:
        return
    theirs = jobs.c.id.in_(job_ids)
    now = {name: sa.func.coalesce(jobs.c[name], jobs.c.erased_at, db_now()) for name in names}
    connection.execute(sa.update(jobs).where(theirs).values(now))
    gone = sa.and_(theirs, jobs.c.erased_at.is_(None), *(jobs.c[name].is_not(None) for name in _NOTES.values()))
    connection.execute(sa.update(jobs).where(gone).values(erased_at=db_now()))


def has_words() -> sa.ColumnElement[bool]:
    """Whether somebody's own words stand in a case."""
    noted = (_note_of(column).is_not(None) for column in (cases.c.proposal, cases.c.ruling))
    return sa.or_(cases.c.words.is_not(None), cases.c.undo_note.is_not(None), *noted)


def forget_words(connection: sa.Connection, case_ids: Collection[str]) -> int:
    """Takes callers' and moderators' own words out of these cases; what was decided, and why by code, stays."""
    rows = connection.execute(sa.select(cases).where(cases.c.id.in_(case_ids))).all()
    for row in rows:
        rulings = {name: getattr(row, name) for name in ("proposal", "ruling")}
        silent = {name: one | {"note": None} for name, one in rulings.items() if one is not None}
        connection.execute(sa.update(cases).where(cases.c.id == row.id).values(words=None, undo_note=None, **silent))
    connection.execute(sa.delete(case_skips).where(case_skips.c.case_id.in_(case_ids)))
    return len(rows)


def _note_of(ruling: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    note: sa.ColumnElement[Any] = ruling["note"].as_string()
    return note


def forget_prompts_on_record(connection: sa.Connection, which: sa.Select[Any]) -> None:
    """Empties the column `prompts` of the audit records on the jobs that `which` selects; the chain stays whole."""
    theirs = sa.and_(audit_records.c.subject.in_(which), audit_records.c.prompts.is_not(None))
    connection.execute(sa.update(audit_records).where(theirs).values(prompts=None))


def _forget_messages(connection: sa.Connection, job_ids: Collection[str]) -> None:
    # What was never tried has no body yet and will tell of the job as it stands then.
    told = sa.and_(webhook_deliveries.c.job_id.in_(job_ids), webhook_deliveries.c.payload.is_not(None))
    sent = sa.select(webhook_deliveries.c.id).where(told)
    connection.execute(sa.delete(webhook_attempts).where(webhook_attempts.c.delivery_id.in_(sent)))
    connection.execute(sa.delete(webhook_deliveries).where(told))


def _forget_answers(connection: sa.Connection, job_ids: Collection[str]) -> None:
    # The key goes on standing for its request; a copy is answered with the job as it stands then.
    kept = sa.update(idempotency_keys).where(idempotency_keys.c.job_id.in_(job_ids))
    connection.execute(kept.values(status=None, body=None))


def _clearing() -> sa.Update:
    values: dict[str, Any] = {
        "params": sa.bindparam("new_params", type_=jobs.c.params.type),
        "receipt": sa.bindparam("new_receipt", type_=jobs.c.receipt.type),
        "metadata": {},
        "custom_id": None,
        "imprint": sa.null(),
        "fingerprint": None,
    }
    return sa.update(jobs).where(jobs.c.id == sa.bindparam("its_id")).values(values)


def _cleared(row: sa.Row[*tuple[Any, ...]]) -> dict[str, Any]:
    dropped = {"dropped_text": _NO_WORDS} if "dropped_text" in row.receipt else {}
    return {"its_id": row.id, "new_params": row.params | _NO_WORDS, "new_receipt": row.receipt | dropped}
