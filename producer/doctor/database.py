"""The database: does it answer, is its version right, its schema current, and do its clock and ours agree?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from producer.doctor.finding import Finding, Outcome, always, found, judged
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.schema import current_revision, needed_revision
from storage.server import OLDEST_POSTGRESQL, seconds_ahead, server_version
from storage.upkeep_reader import UpkeepReader

# Receivers of webhooks refuse signatures that are five minutes old (Standard Webhooks).
OFF_SECONDS, REFUSED_SECONDS = 2.0, 300.0


def check_database(database: Database) -> Finding:
    """Whether the database answers."""
    advice = "see that it runs and that INPAINTD_DATABASE_URL is right"
    return found("database", always("it answers", database.ping), advice)


def check_schema(database: Database) -> Finding:
    """Whether the tables are those of this version."""

    def look() -> str:
        current, needed = current_revision(database), needed_revision()
        if current != needed:
            raise LookupError(f"it is at revision {current}, and this version needs {needed}")
        return f"revision {current}"

    return found("schema", look, "run `inpaintd migrate`")


def check_clock(database: Database, now: Callable[[], float] = time.time) -> Finding:
    """Whether the database's clock, by which leases and deadlines go, and this machine's agree."""
    ahead = seconds_ahead(database, now)
    text = f"the database is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine"
    if abs(ahead) < OFF_SECONDS:
        return Finding("clock", Outcome.OK, text)
    outcome = Outcome.WARN if abs(ahead) < REFUSED_SECONDS else Outcome.FAIL
    advice = "set both by NTP: ids sort by the one, times of jobs are the other's, and receivers refuse old signatures"
    return Finding("clock", outcome, f"{text}; {advice}")


def examine_database(database: Database) -> Iterator[Finding]:
    """Everything about it; what needs a current schema is left out without one."""
    answers = check_database(database)
    yield answers
    if answers.outcome is not Outcome.OK:
        return
    try:
        yield _check_version(database)
        yield check_clock(database)
        schema = check_schema(database)
        yield schema
        if schema.outcome is Outcome.OK:
            yield _check_webhook_secrets(database)
    except DatabaseUnavailable as error:
        yield Finding("database", Outcome.FAIL, f"it went away while it was examined ({error}); try again")


def _check_version(database: Database) -> Finding:
    version = server_version(database)
    name = "SQLite" if version.is_sqlite else "PostgreSQL"
    well = version.is_sqlite or version.major >= OLDEST_POSTGRESQL
    advice = f"upgrade to PostgreSQL {OLDEST_POSTGRESQL} or newer, which is what this is tested with"
    return judged("database version", well, f"{name} {version.text}", advice)


def _check_webhook_secrets(database: Database) -> Finding:
    weak = UpkeepReader(database).weak_webhooks()
    if weak is None:
        return Finding("webhook secrets", Outcome.OK, "this program's role cannot see them, as is right for a worker")
    advice = "turn them with POST /v1/webhooks/{id}/rotate: whoever guesses one can forge what receivers believe"
    text = f"short secrets at {', '.join(weak)}" if weak else "long enough"
    return judged("webhook secrets", not weak, text, advice)
