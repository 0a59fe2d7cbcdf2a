"""`inpaintd tenants retention`: for how many days each kind of a tenant's content is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.doctor import check_database, check_schema
from producer.keeping import kept_days
from producer.settings import ProducerSettings
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.retention import Kind
from storage.retention_rules import RetentionRules
from storage.settings import secret_text

NONE, DEFAULT = "none", "default"


class _Days(click.ParamType[Any]):
    """A number of days, `none` to keep for ever, or `default` for what everybody has."""

    name = f"days|{NONE}|{DEFAULT}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value in (NONE, DEFAULT) else click.FLOAT.convert(value, param, ctx)


def _kinds(command: Callable[..., None]) -> Callable[..., None]:
    for kind in reversed(Kind):
        command = click.option(f"--{kind}", type=_Days())(command)
    return command


@click.command()
@click.argument("name")
@_kinds
@JSON
def retention(name: str, json_output: bool, **given: Any) -> None:
    """Show and change for how many days the content of the tenant NAME is kept, by kind.

    A number of days; `none` keeps for ever; `default` is what everybody has. What is not given stays. The keeper
    carries it out within seconds, files within the hour; what was erased stays so, whatever is set later.
    """
    said = {Kind(kind): days for kind, days in given.items() if days is not None}
    own = {kind: None if days == NONE else days for kind, days in said.items() if days != DEFAULT}
    with open_database(check_database, check_schema) as database:
        rules = RetentionRules(database)
        try:
            rules.set(name, own, frozenset(said) - frozenset(own))
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
        found = rules.of(name)
    _print(name, found, json_output=json_output)


def _print(name: str, own: dict[Kind, float | None], *, json_output: bool) -> None:
    policy = load_policy(SafetySettings.from_env(secret_text).policy)
    everybody = kept_days(policy, ProducerSettings.from_env().retention_days)
    everybody[Kind.AUDIT] = policy.retention.prompts
    days = everybody | own
    if json_output:
        as_json({"tenant": name, "days": days, "own": sorted(own)})
        return
    for kind in Kind:
        kept = "for ever" if days[kind] is None else f"{days[kind]:g} days"
        click.echo(f"{kind:10} {kept}{'' if kind in own else ' (default)'}")
