"""`inpaintd keys`: API keys of any tenant, for whoever runs the deployment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.doctor import check_database, check_schema
from storage.key_store import SCOPES, ApiKey, KeyStore, NewKey
from storage.tenant_store import TenantStore

TENANT = click.option("--tenant", required=True, help="Whose keys.")


@click.group()
def keys() -> None:
    """API keys."""


@keys.command()
@click.option("--tenant", required=True, help="Whose key it is; the tenant is made if there is none of that name.")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="What it allows; repeat it."
)
@click.option("--name", default="", help="What it is for, to know it by later.")
@click.option("--days", type=click.FloatRange(0, min_open=True), help="It ends after so many. [unset: never]")
@JSON
def create(tenant: str, scopes: tuple[str, ...], name: str, days: float | None, json_output: bool) -> None:
    """Make an API key and print it; it cannot be shown again."""
    life = None if days is None else timedelta(days=days)
    with open_database(check_database, check_schema) as database:
        store = KeyStore(database)
        tenant_id = store.create_tenant(tenant)
        made = store.issue(tenant_id, scopes, name=name, life=life)
    _print_new(tenant, tenant_id, made, json_output=json_output)


@keys.command("list")
@TENANT
@JSON
def list_(tenant: str, json_output: bool) -> None:
    """Show a tenant's keys: id, first characters, scopes, last use, end."""
    with _of(tenant) as (store, tenant_id):
        found = store.list(tenant_id)
    if json_output:
        as_json([_shown(key) for key in found])
        return
    for key in found:
        used = f"used {_day(key.last_used_at)}" if key.last_used_at else "never used"
        click.echo(
            f"{key.id}  {key.hint:10}  {','.join(key.scopes):28}  {used:16}  {_end(key):18}  {key.name}".rstrip()
        )


@keys.command()
@click.argument("key_id", metavar="KEY_ID")
@TENANT
@JSON
def revoke(key_id: str, tenant: str, json_output: bool) -> None:
    """End the key KEY_ID at once."""
    with _of(tenant) as (store, tenant_id):
        store.revoke(key_id, tenant_id)
    if json_output:
        as_json({"id": key_id, "revoked": True})
    else:
        click.echo(f"{key_id} opens nothing any more.")


@keys.command()
@click.argument("key_id", metavar="KEY_ID")
@TENANT
@click.option(
    "--keep-hours", type=click.FloatRange(0), default=24.0, show_default=True, help="The old one still opens."
)
@JSON
def rotate(key_id: str, tenant: str, keep_hours: float, json_output: bool) -> None:
    """Make a key in place of KEY_ID, with its name and scopes, and print it; the old one ends by itself."""
    with _of(tenant) as (store, tenant_id):
        made = store.rotate(key_id, tenant_id, keep_seconds=keep_hours * 3600.0)
    _print_new(tenant, tenant_id, made, json_output=json_output)


@contextmanager
def _of(tenant: str) -> Iterator[tuple[KeyStore, str]]:
    with open_database(check_database, check_schema) as database:
        yield KeyStore(database), TenantStore(database).id_of(tenant)


def _print_new(tenant: str, tenant_id: str, made: NewKey, *, json_output: bool) -> None:
    if json_output:
        as_json({"tenant": tenant, "tenant_id": tenant_id, **_shown(made.key), "key": made.text})
    else:
        click.echo(made.text)


def _shown(key: ApiKey) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(key).items()}


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _end(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {_day(key.revoked_at)}"
    return f"ends {_day(key.expires_at)}" if key.expires_at else ""
