"""The schema that migrations make is the one the code believes in."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from storage.database import Database, migrate
from storage.job import TERMINAL
from storage.key_store import KeyStore
from storage.migrations.versions import v0002_freeze_terminal_jobs as freeze
from storage.tables import metadata, tenants


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_changes_nothing(database_url: str, database: Database) -> None:
    migrate(database_url)
    with database.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1


def test_the_trigger_knows_every_terminal_state() -> None:
    assert {f"'{state}'" for state in TERMINAL} == set(freeze.TERMINAL.strip("()").split(", "))


def test_the_database_keeps_time_in_utc(database: Database) -> None:
    KeyStore(database).create_tenant("acme")
    with database.reading() as connection:
        made = connection.scalar(sa.select(tenants.c.created_at))
    assert made is not None
    assert abs((datetime.now(UTC) - made).total_seconds()) < 60
