"""What is forgotten of a job when its content is erased: in its row, and wherever the same words were written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from storage.audit_tables import audit_records
from storage.database import db_now
from storage.tables import idempotency_keys, jobs
from storage.webhook_tables import webhook_attempts, webhook_deliveries

_NO_WORDS = {"prompt": "", "negative_prompt": ""}


def forget_content(connection: sa.Connection, job_ids: Collection[str]) -> None:
    """Takes prompts, the caller's metadata and name, imprint and fingerprint out of the rows of ended jobs, with all
    answers and messages that carried them. The row itself, its states, costs and findings, stays for audit.

    The prompts in the audit record have a retention of their own; they go now only where the job's owner asked.
    """
    _forget_messages(connection, job_ids)
    _forget_answers(connection, job_ids)
    columns = (jobs.c.id, jobs.c.params, jobs.c.receipt)
    rows = connection.execute(sa.select(*columns).where(jobs.c.id.in_(job_ids))).all()
    if rows:
        connection.execute(_clearing(), [_cleared(row) for row in rows])
    asked = sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.erase_asked_at.is_not(None))
    forget_prompts_on_record(connection, asked)


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
        "erased_at": sa.func.coalesce(jobs.c.erased_at, db_now()),
    }
    return sa.update(jobs).where(jobs.c.id == sa.bindparam("its_id")).values(values)


def _cleared(row: sa.Row[*tuple[Any, ...]]) -> dict[str, Any]:
    dropped = {"dropped_text": _NO_WORDS} if "dropped_text" in row.receipt else {}
    return {"its_id": row.id, "new_params": row.params | _NO_WORDS, "new_receipt": row.receipt | dropped}
