"""Rows that travel as one parameter arrive as they were sent, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import Database, db_now
from storage.record_set import insert_all
from storage.tables import Json, Moment

parcels = sa.Table(
    "parcels",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("words", sa.Text),
    sa.Column("weight", sa.Float),
    sa.Column("fragile", sa.Boolean),
    sa.Column("content", Json),
    sa.Column("due_at", Moment),
    sa.Column("kind", sa.String(10), default=sa.func.lower("PARCEL")),
)
# What no column of either database can hold: NUL, and half of a surrogate pair.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
CONTENT = st.dictionaries(TEXT, st.recursive(LEAVES, st.lists, max_leaves=4), max_size=3) | st.lists(LEAVES, max_size=3)
PARCELS = st.fixed_dictionaries(
    {
        "words": st.none() | TEXT,
        "weight": st.none() | FLOATS,
        "fragile": st.none() | st.booleans(),
        "content": CONTENT,
        "due_at": st.none() | st.datetimes(timezones=st.just(UTC)),
    }
)


@pytest.fixture
def store(database: Database) -> Database:
    with database.transaction() as connection:
        parcels.create(connection)
    return database


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sent=st.lists(PARCELS, max_size=5))
def test_rows_arrive_as_they_were_sent(store: Database, sent: list[dict[str, object]]) -> None:
    rows = [{"number": number, **parcel} for number, parcel in enumerate(sent)]
    with store.transaction() as connection:
        connection.execute(sa.delete(parcels))
        insert_all(connection, parcels, rows)
        found = connection.execute(sa.select(parcels).order_by(parcels.c.number)).mappings().all()
    assert [dict(row) for row in found] == [{**row, "kind": "parcel"} for row in rows]


def test_moments_are_so_many_seconds_from_now_by_the_databases_clock(store: Database) -> None:
    with store.transaction() as connection:
        rows = [{"number": hours, "due_at": hours * 3600.0} for hours in (1, 2)]
        insert_all(connection, parcels, rows, after=("due_at",))
        for number in (1, 2):
            latest = number * 3600.0
            near = parcels.c.due_at.between(db_now(latest - 60), db_now(latest))
            assert connection.scalars(sa.select(parcels.c.number).where(near)).all() == [number]
