"""Hash banks: what is added, listed, removed by an operator and loaded by the workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.bank_tables import hash_bank_entries as entries
from storage.database import Database, db_now
from storage.ids import new_id

DIGITS = 64
_BATCH = 500


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One known picture. `hashes` are 64 hex digits each: the picture's own first, then those of its tiles."""

    id: str
    bank: str
    hashes: tuple[str, ...]
    reason: str
    added_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is to be added: see BankEntry."""

    bank: str
    hashes: Sequence[str]
    reason: str


class HashBankStore:
    """Reads and writes the banks. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, pictures: Iterable[Known], added_by: str, also: Sequence[Row] = ()) -> int:
        """Adds pictures, and says how many are new: one that its bank already has is left as it is.

        `also` are rows for the first commit; thousands of pictures take several.
        """
        added, wanted = 0, list({(p.bank, p.hashes[0]): p for p in pictures}.values())
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            keys = sa.tuple_(entries.c.bank, entries.c.hex)
            known = sa.select(entries.c.bank, entries.c.hex).where(keys.in_([(p.bank, p.hashes[0]) for p in batch]))
            with self._database.transaction() as connection:
                have = {tuple(row) for row in connection.execute(known)}
                rows = [_row(p, added_by) for p in batch if (p.bank, p.hashes[0]) not in have]
                if rows:
                    connection.execute(sa.insert(entries).values(created_at=db_now()), rows)
                add_rows(connection, also if start == 0 else ())
                added += len(rows)
        return added

    def remove(self, entry_id: str, also: Sequence[Row] = ()) -> bool:
        """Takes one picture out of its bank, with `also` in the same commit; False where there is no such entry."""
        with self._database.transaction() as connection:
            removed = connection.execute(sa.delete(entries).where(entries.c.id == entry_id)).rowcount > 0
            add_rows(connection, also if removed else ())
        return removed

    def get(self, entry_id: str) -> BankEntry | None:
        """One picture of some bank."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(entries).where(entries.c.id == entry_id)).one_or_none()
        return None if row is None else _entry(row)

    def sizes(self) -> dict[str, int]:
        """How many pictures each bank has."""
        counted = sa.select(entries.c.bank, sa.func.count()).group_by(entries.c.bank).order_by(entries.c.bank)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(counted)}

    def newest(self, bank: str, limit: int) -> list[BankEntry]:
        """The newest pictures of a bank."""
        theirs = sa.select(entries).where(entries.c.bank == bank).order_by(entries.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(theirs)]

    def remove_for(self, reason: str, also: Sequence[Row] = ()) -> int:
        """Takes out every picture that was added for exactly this reason, and says how many; `also` where any was."""
        with self._database.transaction() as connection:
            removed = connection.execute(sa.delete(entries).where(entries.c.reason == reason)).rowcount
            add_rows(connection, also if removed else ())
        return removed

    def all(self, bank: str | None = None) -> list[BankEntry]:
        """Every picture of a bank, or of all banks, oldest first."""
        statement = sa.select(entries).order_by(entries.c.id)
        if bank is not None:
            statement = statement.where(entries.c.bank == bank)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(statement)]

    def edition(self) -> tuple[int, str]:
        """Differs whenever the content of the banks does: ids only ever grow."""
        statement = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(entries.c.id), ""))
        with self._database.reading() as connection:
            count, newest = connection.execute(statement).one()
        return int(count), str(newest)


def _row(picture: Known, added_by: str) -> dict[str, str]:
    return {
        "id": new_id("hbe"),
        "bank": picture.bank,
        "kind": "picture" if len(picture.hashes) > 1 else "hash",
        "hex": picture.hashes[0],
        "tiles": "".join(picture.hashes[1:]),
        "reason": picture.reason,
        "added_by": added_by,
    }


def _entry(row: sa.Row[tuple[object, ...]]) -> BankEntry:
    tiles = (row.tiles[at : at + DIGITS] for at in range(0, len(row.tiles), DIGITS))
    return BankEntry(row.id, row.bank, (row.hex, *tiles), row.reason, row.added_by, row.created_at)
