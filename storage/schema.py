"""Which revision of the schema a database has, and which one this program needs."""

from __future__ import annotations

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage.database import Database


def current_revision(database: Database) -> str | None:
    """The revision that the database is at; None where no migration ever ran."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def needed_revision() -> str:
    """The revision that `storage.database.migrate` leads to."""
    head = ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head()
    if head is None:
        raise RuntimeError("this installation lacks its migrations: install inpaintd again")
    return head
