"""What database this is, where it lies, and how its clock goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from storage.database import Database, db_epoch

OLDEST_POSTGRESQL = 15


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """The server's version as it tells it; `major` is its first number."""

    is_sqlite: bool
    text: str

    @property
    def major(self) -> int:
        """Such as 16."""
        return int(self.text.split(".")[0].split()[0])


def server_version(database: Database) -> ServerVersion:
    """Raises DatabaseUnavailable."""
    with database.reading() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        asked = "SELECT sqlite_version()" if is_sqlite else "SHOW server_version"
        return ServerVersion(is_sqlite, str(connection.scalar(sa.text(asked))))


def seconds_ahead(database: Database, now: Callable[[], float] = time.time) -> float:
    """By how much the server's clock is ahead of `now()`, to within half a round trip. Raises DatabaseUnavailable."""
    with database.reading() as connection:
        connection.execute(sa.text("SELECT 1"))  # so that no new connection is in the time that is taken
        before = now()
        told = float(connection.execute(sa.select(db_epoch())).scalar_one())
        return told - (before + now()) / 2


def file_of(url: str) -> Path | None:
    """The file of a SQLite database; None for any other, and for one in memory."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))
