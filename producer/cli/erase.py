"""`inpaintd erase`: the right to erasure, by job, end-user or tenant, with a receipt that can be checked later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.cli.plain_errors import Unwell
from producer.doctor import check_database, check_schema
from producer.erasures import Asked, Erasures
from producer.errors import ErasureUnfinished
from producer.pseudonyms import known_as
from producer.settings import ProducerSettings
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.audit import PolicyId
from storage.database import Database
from storage.erasure_store import Scope
from storage.object_store import open_object_store
from storage.settings import StorageSettings, secret_text
from storage.tenant_store import TenantStore


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--wait", "wait_seconds", default=60.0, show_default=True, help="Seconds for jobs to stop."),
        click.option("--reason", required=True, help="Why, such as the number of the request; it stays on record."),
        click.option("--by", required=True, help="Who carries it out; it stays on record."),
        click.option("--tenant", required=True, help="Whose it is."),
    ):
        command = option(command)
    return command


@click.group()
def erase() -> None:
    """Erase everything of a job, an end-user or a tenant, and print a receipt (JSON) to be kept.

    Pictures, results, uploaded files, prompts, names, hashes, marks and strikes go; that decisions were made, and by
    which rules, stays in the audit record. There is no way back. Safe to repeat.
    """


@erase.command()
@click.argument("job_id", metavar="JOB")
@_asked
def job(job_id: str, tenant: str, **asked: Any) -> None:
    """Erase everything of one job."""
    _run(tenant, asked, lambda tenant_id: Scope(tenant_id, job_id=job_id))


@erase.command()
@click.argument("name")
@_asked
def user(name: str, tenant: str, **asked: Any) -> None:
    """Erase everything of the end-user NAME: as the tenant names it in `user`, or its pseudonym."""
    secret = ProducerSettings.from_env().user_secret
    _run(tenant, asked, lambda tenant_id: Scope(tenant_id, user=known_as(secret, tenant_id, name)))


@erase.command()
@_asked
def tenant(tenant: str, **asked: Any) -> None:
    """Erase everything that a tenant sent and got. Its keys and limits stay; revoke the keys first."""
    _run(tenant, asked, Scope)


@erase.command()
@click.argument("receipt", metavar="RECEIPT")
@JSON
def check(receipt: str, json_output: bool) -> None:
    """Check a receipt, a file or an id: that the audit chain vouches for it, and that all of it is still gone."""
    shown = None if receipt.startswith("era_") else json.loads(Path(receipt).read_text())
    with _erasures() as (_, erasures):
        found = erasures.problems(receipt if shown is None else shown["erasure"], shown)
    if json_output:
        as_json({"problems": found})
    else:
        click.echo("\n".join(found) or "It is on record, the chain is whole, and nothing of it is left.")
    if found:
        click.get_current_context().exit(Unwell.exit_code)


@contextmanager
def _erasures() -> Iterator[tuple[Database, Erasures]]:
    policy = load_policy(SafetySettings.from_env(secret_text).policy)
    rules = PolicyId(policy.name, policy.version, policy.sha256)
    with open_database(check_database, check_schema) as database:
        yield database, Erasures(database, open_object_store(StorageSettings.from_env()), rules)


def _run(name: str, asked: dict[str, Any], scope: Callable[[str], Scope]) -> None:
    with _erasures() as (database, erasures):
        whose = scope(TenantStore(database).id_of(name))
        try:
            receipt = erasures.run(whose, Asked(asked["by"], asked["reason"]), wait_seconds=asked["wait_seconds"])
        except ErasureUnfinished as unfinished:
            raise Unwell(str(unfinished)) from None
    as_json(receipt.as_dict())
