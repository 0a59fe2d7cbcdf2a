"""Reading the audit record, sealing it into a chain, and erasing columns whose time is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.audit import signals_of
from storage.audit_chain import commitments_of, hash_of, unpack
from storage.audit_tables import CLASSES, audit_erased, audit_head, audit_records
from storage.database import Database, db_now
from storage.errors import AuditHeadMissing

PAGE = 500
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Head:
    """How many records are sealed, and the hash of the last of them. Kept elsewhere, it fixes all up to it."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the audit record. `texts` are the packed columns; `seq` and what follows are None until it is sealed."""

    subject: str
    id: str
    at: datetime
    texts: dict[str, str | None]
    seq: int | None
    commitments: dict[str, str | None] | None
    previous: str | None
    hash: str | None

    @property
    def content(self) -> dict[str, Any]:
        """The JSON in each column, None where it is empty or erased."""
        found = {name: unpack(text) for name, text in self.texts.items()}
        if found["record"] is not None:
            found["record"]["signals"] = signals_of(found["record"])
        return found

    @property
    def erased(self) -> list[str]:
        """The columns that once held something and no longer do."""
        held = self.commitments or {}
        return [name for name in CLASSES if held.get(name) is not None and self.texts[name] is None]


class AuditStore:
    """The audit record of a deployment, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, subject: str) -> list[Record]:
        """Every record about `subject`, such as a job, oldest first."""
        mine = sa.select(audit_records).where(audit_records.c.subject == subject)
        oldest_first = mine.order_by(audit_records.c.at, audit_records.c.id)
        with self._database.reading() as connection:
            return [_record_of(row) for row in connection.execute(oldest_first)]

    def latest(self, *, since: datetime | None, limit: int) -> list[Record]:
        """Up to `limit` sealed records, newest first, none of them older than `since`."""
        sealed = sa.select(audit_records).where(audit_records.c.seq.is_not(None))
        if since is not None:
            sealed = sealed.where(audit_records.c.at >= since)
        with self._database.reading() as connection:
            rows = connection.execute(sealed.order_by(audit_records.c.seq.desc()).limit(limit)).all()
        return [_record_of(row) for row in rows]

    def pages(self) -> Iterator[list[Record]]:
        """All sealed records in the order of the chain, PAGE at a time."""
        sealed = sa.select(audit_records).where(audit_records.c.seq.is_not(None))
        after: int | None = None
        while True:
            page = sealed if after is None else sealed.where(audit_records.c.seq > after)
            with self._database.reading() as connection:
                rows = connection.execute(page.order_by(audit_records.c.seq).limit(PAGE)).all()
            if not rows:
                return
            yield [_record_of(row) for row in rows]
            after = rows[-1].seq

    def head(self) -> Head:
        """How the chain ends. Raises AuditHeadMissing."""
        with self._database.reading() as connection:
            return _head(connection, sa.select(audit_head))

    def unsealed(self) -> int:
        """How many records the keeper has yet to put into the chain."""
        waiting = sa.select(sa.func.count()).select_from(audit_records).where(audit_records.c.seq.is_(None))
        with self._database.reading() as connection:
            return connection.scalar(waiting) or 0

    def beyond_head(self) -> int | None:
        """The first number beyond the head that some record bears; None, as it must be."""
        end = sa.select(audit_head.c.seq).scalar_subquery()
        with self._database.reading() as connection:
            first = sa.select(sa.func.min(audit_records.c.seq)).where(audit_records.c.seq > end)
            found: int | None = connection.scalar(first)
        return found

    def seal(self) -> int:
        """Puts up to PAGE waiting records into the chain, and returns how many. Any number of keepers may call it."""
        waiting = sa.select(audit_records).where(audit_records.c.seq.is_(None)).order_by(audit_records.c.id).limit(PAGE)
        with self._database.transaction() as connection:
            # The lock on the head is the only one there is: sealers take turns, those who add records never wait.
            head = _head(connection, sa.select(audit_head).with_for_update())
            rows = connection.execute(waiting).all()
            if not rows:
                return 0
            links = list(_links(head, [_record_of(row) for row in rows]))
            connection.execute(_sealing(), links)
            end = {"seq": links[-1]["new_seq"], "hash": links[-1]["new_hash"]}
            connection.execute(sa.update(audit_head).values(end))
        return len(rows)

    def erase(self, column: str, *, older_than_days: float) -> int:
        """Empties `column` of up to PAGE sealed records of that age, oldest first; how many were gone through."""
        table, mine = audit_records, audit_erased.c.column == column
        with self._database.transaction() as connection:
            done = connection.scalar(sa.select(audit_erased.c.seq).where(mine))
            old = sa.select(table.c.seq, (table.c.at < db_now(-older_than_days * _DAY)).label("old"))
            rows = connection.execute(old.where(table.c.seq > (done or 0)).order_by(table.c.seq).limit(PAGE)).all()
            # Sealed in about the order of their age: whoever stands behind the first young one is young as well.
            due = [row.seq for row, _ in zip(rows, _while_old(rows), strict=False)]
            if not due:
                return 0
            these = sa.and_(table.c.seq > (done or 0), table.c.seq <= due[-1])
            connection.execute(sa.update(table).where(these).values({column: None}))
            if done is None:
                connection.execute(sa.insert(audit_erased).values(column=column, seq=due[-1]))
            else:
                connection.execute(sa.update(audit_erased).where(mine).values(seq=due[-1]))
        return len(due)


def _while_old(rows: Any) -> Iterator[bool]:
    for row in rows:
        if not row.old:
            return
        yield True


def _links(head: Head, records: list[Record]) -> Iterator[dict[str, Any]]:
    seq, previous = head.seq, head.hash
    for record in records:
        commitments = commitments_of(record.texts)
        seq, before = seq + 1, previous
        previous = hash_of(record.subject, record.id, record.at, commitments, before)
        yield {
            "its_subject": record.subject,
            "its_id": record.id,
            "new_seq": seq,
            "new_commitments": json.dumps(commitments, sort_keys=True),
            "new_previous": before,
            "new_hash": previous,
        }


def _sealing() -> sa.Update:
    names = ("seq", "commitments", "previous", "hash")
    mine = (audit_records.c.subject == sa.bindparam("its_subject"), audit_records.c.id == sa.bindparam("its_id"))
    return sa.update(audit_records).where(*mine).values({name: sa.bindparam(f"new_{name}") for name in names})


def _head(connection: sa.Connection, statement: sa.Select[Any]) -> Head:
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise AuditHeadMissing("the audit chain has lost its head, the row of audit_head: restore it from a backup")
    return Head(row.seq, row.hash)


def _record_of(row: sa.Row[Any]) -> Record:
    return Record(
        subject=row.subject,
        id=row.id,
        at=row.at,
        texts={name: getattr(row, name) for name in CLASSES},
        seq=row.seq,
        commitments=None if row.commitments is None else json.loads(row.commitments),
        previous=row.previous,
        hash=row.hash,
    )
