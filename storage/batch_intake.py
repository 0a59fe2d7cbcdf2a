"""Lines of a batch, stored a chunk at a time: the jobs and the batch's own counts in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from storage.batch import Batch
from storage.batch_tables import batches
from storage.certainty import certainly
from storage.copies import Keyed, Keys
from storage.database import Database, db_now
from storage.errors import BatchClosed, IdempotencyConflict
from storage.intake import Answer, Intake, Submitted
from storage.job import NewJob
from storage.rows import job_of

PATIENCE_SECONDS = 5.0


class BatchIntake:
    """Feeds one batch for as long as nobody else does. For one thread at a time."""

    def __init__(self, database: Database, batch: Batch) -> None:
        self._database = database
        self._batch = batch
        self._chunk = 0

    def known(self, asked: Sequence[Keyed]) -> list[Submitted | None]:
        """The jobs of requests that are copies by their key, so that nothing needs to be done about them again.

        None for any other; a copy that comes at the same time is found by `feed` alone. Raises DatabaseUnavailable.
        """
        if not any(one.idempotency_key for one in asked):
            return [None] * len(asked)
        with self._database.reading() as connection:
            keys = Keys(connection, asked)
            return [_copy(keys, one) for one in asked]

    def feed(self, news: Sequence[NewJob], *, replayed: int = 0, refused: int = 0) -> list[Answer]:
        """Stores a chunk and answers each of `news`; beside them there were lines that came to nothing, or were known.

        Raises BatchClosed, with nothing stored, and DatabaseUnavailable, after which the chunk may be stored or not.
        """
        chunk = _Chunk(self._batch, self._chunk + 1, news, _Beside(replayed, refused))
        try:
            answers = certainly(self._database, chunk.work, chunk.outcome, PATIENCE_SECONDS)
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            return self._one_by_one(news, replayed, refused, error)
        self._chunk += 1
        return answers

    def _one_by_one(self, news: Sequence[NewJob], replayed: int, refused: int, error: Exception) -> list[Answer]:
        """What the database cannot hold is only its own line's fault."""
        if len(news) == 1:
            self.feed([], replayed=replayed, refused=refused + 1)
            return [error]
        answers = [answer for new in news for answer in self.feed([new])]
        self.feed([], replayed=replayed, refused=refused)
        return answers


def _copy(keys: Keys, one: Keyed) -> Submitted | None:
    try:
        row = keys.original(one)
    except IdempotencyConflict:
        return None  # `feed` will say so
    return None if row is None else Submitted(job_of(row), replayed=True)


class _Beside(NamedTuple):
    """Lines of a chunk about which nothing is left to do but to count them."""

    replayed: int
    refused: int


class _Chunk:
    """One chunk, whose transaction either took effect as a whole or not at all: the row of the batch tells which."""

    def __init__(self, batch: Batch, number: int, news: Sequence[NewJob], beside: _Beside) -> None:
        self._batch = batch
        self._number = number
        self._news = news
        self._beside = beside
        self._made: list[Answer] = []

    def work(self, connection: sa.Connection) -> list[Answer]:
        """The answers, which hold if the transaction is committed."""
        self._made = Intake(connection, self._news).answers() if self._news else []
        # After the jobs, so that the batch cannot be closed or finished between its check and their commit.
        if connection.execute(self._counted()).rowcount != 1:
            raise BatchClosed(f"{self._batch.id} takes no more lines here: it was canceled, or is being sent elsewhere")
        return self._made

    def outcome(self, connection: sa.Connection) -> list[Answer] | None:
        """The answers of a try whose commit is in doubt."""
        landed = sa.select(batches.c.id).where(self._mine(), batches.c.chunk == self._number)
        return self._made if connection.scalar(landed) is not None else None

    def _mine(self) -> sa.ColumnElement[bool]:
        return sa.and_(batches.c.id == self._batch.id, batches.c.round == self._batch.round)

    def _counted(self) -> sa.Update:
        refused = sum(isinstance(answer, Exception) for answer in self._made)
        replayed = sum(isinstance(answer, Submitted) and answer.replayed for answer in self._made)
        counts = {
            "accepted": len(self._made) - refused - replayed,
            "replayed": self._beside.replayed + replayed,
            "refused": self._beside.refused + refused,
        }
        values = {name: batches.c[name] + count for name, count in {**counts, "lines": sum(counts.values())}.items()}
        next_one = sa.and_(batches.c.chunk == self._number - 1, batches.c.closed_at.is_(None))
        update = sa.update(batches).where(self._mine(), next_one)
        return update.values(**values, chunk=self._number, fed_at=db_now())
