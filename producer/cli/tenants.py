"""`inpaintd tenants`: what a tenant may use."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.cli.retention import retention
from producer.doctor import check_database, check_schema
from storage.tenant_store import TenantLimits, TenantStore

NONE = "none"


class _Limit(click.ParamType[Any]):
    """A number of its kind, or `none` for no limit."""

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self.name = f"{kind.name}|{NONE}"
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return NONE if str(value).lower() == NONE else self._kind.convert(value, param, ctx)


@click.group()
def tenants() -> None:
    """Weights and limits of tenants, and for how long their content is kept."""


@tenants.command()
@click.argument("name")
@JSON
def show(name: str, json_output: bool) -> None:
    """Show what the tenant NAME may use."""
    with open_database(check_database, check_schema) as database:
        limits = TenantStore(database).limits(name)
    _print(name, limits, json_output=json_output)


@tenants.command("set")
@click.argument("name")
@click.option("--weight", type=float, help="Share relative to other tenants. [made with: 1]")
@click.option("--max-queued", type=_Limit(click.INT), help="Jobs that wait; more are refused with 429.")
@click.option("--max-running", type=_Limit(click.INT), help="Jobs that run at once; more wait.")
@click.option("--requests-per-second", type=_Limit(click.FLOAT), help="More are refused with 429.")
@JSON
def set_(name: str, json_output: bool, **given: Any) -> None:
    """Change limits of the tenant NAME; `none` removes one, and what is not given stays.

    A new weight counts for jobs that are sent from now on.
    """
    changes: dict[str, Any] = {
        field: None if value == NONE else value for field, value in given.items() if value is not None
    }
    with open_database(check_database, check_schema) as database:
        store = TenantStore(database)
        limits = replace(store.limits(name), **changes)
        try:
            store.set_limits(name, limits)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
    _print(name, limits, json_output=json_output)


tenants.add_command(retention)


def _print(name: str, limits: TenantLimits, *, json_output: bool) -> None:
    if json_output:
        as_json({"tenant": name, **asdict(limits)})
        return
    for field, value in asdict(limits).items():
        click.echo(f"{field.replace('_', '-'):20} {NONE if value is None else format(value, 'g')}")
