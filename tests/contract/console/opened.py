"""One console for all tests, swept before each, since queues are everybody's. Fixtures for more than one folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from storage.case_tables import case_skips, cases, exposures, reveals
from storage.database import Database, db_now
from storage.measure_tables import measures
from storage.moderator_tables import console_sessions, moderators
from storage.tables import jobs
from tests.contract.api.serving import Stack, running
from tests.contract.console.desk import Console
from tests.contract.moderation.office import Office


@pytest.fixture(scope="session")
def console_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Office]]:
    """A server on SQLite and a folder, and those who decide without it."""
    folder = tmp_path_factory.mktemp("console")
    with running(folder) as stack:
        yield stack, Office(stack.services.database, folder / "objects", stack.services.submitter.policy)


@pytest.fixture
def console(console_stack: tuple[Stack, Office]) -> Iterator[Console]:
    """A console without cases and without moderators."""
    stack, office = console_stack
    sweep(stack.services.database)
    console = Console(stack, office)
    with console.open:
        yield console


def sweep(database: Database) -> None:
    """Empties every table of review but the record, and keeps jobs that wait from being claimed."""
    with database.transaction() as connection:
        for table in (cases, case_skips, exposures, reveals, measures, console_sessions, moderators):
            connection.execute(sa.delete(table))
        connection.execute(sa.update(jobs).where(jobs.c.state == "queued").values(not_before=db_now(86400.0)))
