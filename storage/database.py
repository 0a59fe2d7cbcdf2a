"""The database: one engine, one way to open a transaction, and the database's own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json, to_json
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles

from storage.errors import DatabaseUnavailable

SQLITE_WAIT_SECONDS = 30
# A machine that freezes inside a transaction keeps its rows locked, and so the reaper waiting, until its session ends.
FROZEN_SECONDS = 5


_MOVED = "inpaintd_moved"


def note_moved(connection: sa.Connection, job_ids: list[str]) -> None:
    """Notes jobs that the transaction moves, so that whoever waits for them can be told once it is committed."""
    connection.info.setdefault(_MOVED, []).extend(job_ids)


class db_now(sa.sql.functions.FunctionElement[Any]):  # noqa: N801  (named like the SQL function it is)
    """The database server's time, plus `offset` seconds. Leases never use a worker's clock, which may be wrong."""

    type = sa.DateTime(timezone=True)
    inherit_cache = True
    name = "db_now"

    def __init__(self, offset: float | sa.ColumnElement[Any] = 0.0) -> None:
        super().__init__(sa.literal(offset, sa.Float) if isinstance(offset, (int, float)) else offset)


@compiles(db_now, "postgresql")
def _now_postgresql(element: db_now, compiler: Any, **kw: Any) -> str:
    # Of the statement, not of the row: PostgreSQL searches an index only for a value that cannot change on the way.
    return f"(statement_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)}))"


@compiles(db_now, "sqlite")
def _now_sqlite(element: db_now, compiler: Any, **kw: Any) -> str:
    # The text form SQLAlchemy stores (microseconds), so that comparisons of strings are comparisons of times.
    offset = compiler.process(element.clauses, **kw)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+f seconds', {offset})) || '000')"


class db_epoch(sa.sql.functions.FunctionElement[float]):  # noqa: N801
    """The database server's time in seconds since 1970."""

    type = sa.Float()
    inherit_cache = True
    name = "db_epoch"


@compiles(db_epoch, "postgresql")
def _epoch_postgresql(_element: db_epoch, _compiler: Any, **_kw: Any) -> str:
    return "extract(epoch from statement_timestamp())::float8"


@compiles(db_epoch, "sqlite")
def _epoch_sqlite(_element: db_epoch, _compiler: Any, **_kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


class db_age(sa.sql.functions.FunctionElement[float]):  # noqa: N801
    """How many seconds ago a moment was by the database server's time; negative for one that is to come."""

    type = sa.Float()
    inherit_cache = True
    name = "db_age"


@compiles(db_age, "postgresql")
def _age_postgresql(element: db_age, compiler: Any, **kw: Any) -> str:
    return f"extract(epoch from (statement_timestamp() - {compiler.process(element.clauses, **kw)}))::float8"


@compiles(db_age, "sqlite")
def _age_sqlite(element: db_age, compiler: Any, **kw: Any) -> str:
    return f"((julianday('now') - julianday({compiler.process(element.clauses, **kw)})) * 86400.0)"


class Database:
    """A pool of connections to the one SQL database that a deployment has.

    `moved` is told the id of each job that was moved by a transaction, after its commit; it must return at once.
    """

    def __init__(self, url: str, moved: Callable[[str], None] | None = None) -> None:
        self._engine = _make_engine(url)
        self._moved = moved

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection inside a write transaction: committed at the end of the block, rolled back on any error.

        Raises DatabaseUnavailable.
        """
        moved: list[str] = []
        with _available(), self._engine.begin() as connection:
            connection.info[_MOVED] = moved
            yield connection
        if self._moved is not None:
            for job_id in moved:
                self._moved(job_id)

    @contextmanager
    def rehearsal(self) -> Iterator[sa.Connection]:
        """A connection inside a write transaction that is always rolled back. Raises DatabaseUnavailable."""
        with _available(), self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reads only; it takes no write lock in SQLite. Raises DatabaseUnavailable."""
        with _available(), self._engine.connect().execution_options(inpaintd_read=True) as connection:
            yield connection

    def ping(self) -> None:
        """Raises DatabaseUnavailable when the database does not answer."""
        with self.reading() as connection:
            connection.execute(sa.text("SELECT 1"))

    def up_seconds(self) -> float | None:
        """Seconds since the database server started, by its own clock; None for SQLite, which is no server."""
        if self._engine.dialect.name == "sqlite":
            return None
        up = sa.text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())")
        with self.reading() as connection:
            return float(connection.execute(up).scalar_one())

    def close(self) -> None:
        """Closes every pooled connection."""
        self._engine.dispose()


def insert_once(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Inserts a row unless one with the same key is there."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(insert(table).values(**values).on_conflict_do_nothing())


def migrate(url: str, to: str = "head") -> None:
    """Brings the schema at `url` to a revision of the packaged Alembic migrations, forward or back. Safe to run twice.

    Raises alembic.util.CommandError where there is no such revision.
    """
    # Alembic takes a tenth of a second to import, and most processes never migrate.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = _make_engine(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            current = MigrationContext.configure(connection).get_current_revision()
            # Revisions are numbers of four digits in one line, and "head" sorts behind them.
            go = command.downgrade if current is not None and to < current else command.upgrade
            go(config, to)
    finally:
        engine.dispose()


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as problem:
        raise DatabaseUnavailable(f"the database did not answer: {problem}") from problem
    except sa.exc.InternalError as problem:
        if not problem.connection_invalidated:
            raise
        raise DatabaseUnavailable(f"the database ended the session: {problem}") from problem


def _make_engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        psycopg = parsed.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(psycopg, pool_pre_ping=True, pool_size=10, **_JSON)
        sa.event.listen(engine, "connect", _bound_idling)
        return engine
    engine = sa.create_engine(parsed, connect_args={"timeout": SQLITE_WAIT_SECONDS}, **_JSON)
    sa.event.listen(engine, "connect", _set_pragmas)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _to_json(value: Any) -> str:
    # A row of jobs has seven such columns, and the standard library takes five times as long for them.
    return to_json(value, inf_nan_mode="constants").decode()


_JSON: dict[str, Any] = {"json_serializer": _to_json, "json_deserializer": from_json}


def _bound_idling(connection: Any, _record: Any) -> None:
    # Not as a parameter of the connection: poolers such as PgBouncer refuse those.
    connection.execute(f"SET idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
    connection.commit()


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # Python's driver would otherwise begin transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads first and writes later fails with SQLITE_BUSY; an immediate one waits.
    reading = connection.get_execution_options().get("inpaintd_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
