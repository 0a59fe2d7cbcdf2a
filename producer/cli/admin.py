"""`inpaintd migrate` and `doctor`: bringing a deployment up and looking after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from producer.cli.output import JSON, as_json
from producer.cli.plain_errors import Unreachable, Unwell
from producer.doctor import Finding, Outcome, check_database, examine
from storage.database import Database
from storage.database import migrate as migrate_schema
from storage.schema import known_revisions, needed_revision
from storage.settings import StorageSettings

MARKS = {Outcome.OK: "ok  ", Outcome.WARN: "warn", Outcome.FAIL: "FAIL"}


@click.command()
@click.option("--to", metavar="REVISION", help="Another revision than the newest, such as that of an older version.")
@JSON
def migrate(to: str | None, json_output: bool) -> None:
    """Bring the database's schema up to date, or back with --to. Safe to repeat.

    Going back drops the tables and columns that the older version does not know, with what is in them.
    """
    if to is not None and to not in known_revisions():
        raise click.UsageError(f"There is no revision {to}: choose one of {', '.join(known_revisions())}.")
    with open_database(check_database):
        migrate_schema(StorageSettings.from_env().database_url, to or "head")
    if json_output:
        as_json({"up_to_date": to in (None, needed_revision())})
    else:
        click.echo("The schema is up to date." if to is None else f"The schema is at revision {to}.")


@click.command()
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def doctor(json_output: bool) -> None:
    """Examine this machine's settings and every service they name."""
    findings = examine()
    if json_output:
        as_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{MARKS[finding.outcome]}  {finding.what}: {finding.detail}")
    if any(finding.outcome is Outcome.FAIL for finding in findings):
        click.get_current_context().exit(Unwell.exit_code)


@contextmanager
def open_database(*checks: Callable[[Database], Finding]) -> Iterator[Database]:
    """The database of the settings, after it passed `checks`. Raises Unreachable."""
    database = Database(StorageSettings.from_env().database_url)
    try:
        for check in checks:
            finding = check(database)
            if finding.outcome is Outcome.FAIL:
                raise Unreachable(f"The {finding.what} cannot be used: {finding.detail}")
        yield database
    finally:
        database.close()
