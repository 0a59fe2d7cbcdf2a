"""Which revision of the schema a database has, and which one this program needs.

`python -P -m storage.schema` waits for it, so that a program may be started while the migrations run.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.settings import StorageSettings

WAIT_SECONDS, LOOK_SECONDS = 600.0, 1.0


def current_revision(database: Database) -> str | None:
    """The revision that the database is at; None where no migration ever ran."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> list[str]:
    """Every revision that this version knows, oldest first."""
    return sorted(script.revision for script in _scripts().walk_revisions())


def needed_revision() -> str:
    """The revision that `storage.database.migrate` leads to."""
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError("this installation lacks its migrations: install inpaintd again")
    return head


def is_behind(database: Database) -> bool:
    """Whether migrations of this version have yet to run. Those of a later version are no hindrance: they only add,
    so that old programs go on beside new ones, and may come back."""
    current = current_revision(database)
    return current is None or (current in known_revisions() and current != needed_revision())


def await_schema(database: Database, seconds: float) -> bool:
    """Waits until the schema is not behind; False after `seconds`. A database that does not answer is waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(DatabaseUnavailable):
            if not is_behind(database):
                return True
        time.sleep(LOOK_SECONDS)
    return False


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


def main() -> int:
    """The program: 0 once the schema is there, 1 after WAIT_SECONDS."""
    database = Database(StorageSettings.from_env().database_url)
    try:
        if await_schema(database, WAIT_SECONDS):
            return 0
    finally:
        database.close()
    sys.stderr.write("The schema is still behind this version, or the database is away: run `inpaintd migrate`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
