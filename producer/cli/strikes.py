"""`inpaintd strikes`: what is held against callers, and taking it back. Works on the database itself, like `keys`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.doctor import check_database, check_schema
from producer.pseudonyms import known_as
from producer.settings import ProducerSettings
from storage.strike import Strike
from storage.strike_store import StrikeStore
from storage.tenant_store import TenantStore

_HOUR = 3600.0
TENANT = click.option("--tenant", required=True, help="Whose callers are meant.")
USER = click.option("--user", help="An end-user: as the tenant names it in `user`, or its pseudonym.")


@click.group()
def strikes() -> None:
    """Strikes of callers: what was refused, whose it was, and when it will no longer count."""


@strikes.command("list")
@TENANT
@USER
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Strikes to show.")
@JSON
def list_(tenant: str, user: str | None, limit: int, json_output: bool) -> None:
    """List strikes, newest first, those that were taken back among them."""
    with open_database(check_database, check_schema) as database:
        tenant_id = TenantStore(database).id_of(tenant)
        found = StrikeStore(database).page(tenant_id, _pseudonym(tenant_id, user), limit)
    if json_output:
        as_json([_shown(strike) for strike in found])
        return
    for strike in found:
        lifted = "" if strike.lifted_at is None else f"  taken back: {strike.lifted_why}"
        age, whose = f"{strike.age_seconds / _HOUR:.1f} h ago", strike.user or "-"
        click.echo(f"{strike.job_id}  {whose}  {age}  {strike.weight:g}  {strike.cause}  {strike.rule}{lifted}")


@strikes.command()
@TENANT
@USER
@click.option("--job", "job_id", help="The one job whose strike is meant.")
@click.option("--reason", required=True, help="Why; it stays on record.")
@JSON
def forgive(tenant: str, user: str | None, job_id: str | None, reason: str, json_output: bool) -> None:
    """Take back the strike of one job or all strikes of an end-user, whose cool-down then ends."""
    if user is None and job_id is None:
        raise click.UsageError("Name an end-user with --user, or one job with --job.")
    with open_database(check_database, check_schema) as database:
        tenant_id = TenantStore(database).id_of(tenant)
        count = StrikeStore(database).lift(tenant_id, reason, user=_pseudonym(tenant_id, user), job_id=job_id)
    if json_output:
        as_json({"tenant": tenant, "forgiven": count})
    else:
        click.echo(f"{count} taken back")


def _pseudonym(tenant_id: str, user: str | None) -> str | None:
    return None if user is None else known_as(ProducerSettings.from_env().user_secret, tenant_id, user)


def _shown(strike: Strike) -> dict[str, Any]:
    # The imprint tells a person nothing.
    shown = {name: value for name, value in asdict(strike).items() if name not in ("words", "picture")}
    return shown | {"lifted_at": strike.lifted_at and strike.lifted_at.isoformat()}
