"""`inpaintd moderators`: the accounts of those who review."""

from __future__ import annotations

import sys

import click

from producer.cli.admin import open_database
from producer.cli.output import as_json
from producer.doctor import check_database, check_schema
from producer.moderation.passwords import hashed
from storage.moderator_store import Moderator, ModeratorStore, Role

JSON = click.option("--json", "json_output", is_flag=True, help="Print JSON.")
ROLE = click.Choice([role.value for role in Role])
STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from standard input, not the terminal.")


@click.group()
def moderators() -> None:
    """Accounts of the console: reviewer, lead, admin, and auditor, who reads everything and decides nothing."""


@moderators.command()
@click.argument("name")
@click.option("--role", type=ROLE, required=True, help="What the account may do.")
@click.option("--subject", help="What the OIDC provider calls this person; then no password is asked for.")
@STDIN
def add(name: str, role: str, subject: str | None, password_stdin: bool) -> None:
    """Make an account NAME. The name goes on record with every decision and is never given to anybody else."""
    kept = None if subject is not None and not password_stdin else hashed(_password(from_stdin=password_stdin))
    with open_database(check_database, check_schema) as database:
        ModeratorStore(database).add(name, Role(role), password=kept, subject=subject)
    click.echo(f"{name} may sign in at /console.")


@moderators.command("list")
@JSON
def list_(json_output: bool) -> None:
    """List all accounts."""
    with open_database(check_database, check_schema) as database:
        accounts = ModeratorStore(database).all()
    if json_output:
        as_json([_shown(account) for account in accounts])
        return
    for account in accounts:
        state = "disabled" if account.disabled_at else "barred" if account.is_barred else ""
        ways = [way for way, has in (("password", account.password), ("oidc", account.subject)) if has]
        click.echo(f"{account.name:24} {account.role:9} {'+'.join(ways) or 'no way in':14} {state}".rstrip())


@moderators.command()
@click.argument("name")
@click.argument("role", type=ROLE)
def role(name: str, role: str) -> None:
    """Give the account NAME another ROLE. It is signed out everywhere."""
    with open_database(check_database, check_schema) as database:
        ModeratorStore(database).change(name, role=Role(role))
    click.echo(f"{name} is {role} now.")


@moderators.command()
@click.argument("name")
@STDIN
def password(name: str, password_stdin: bool) -> None:
    """Set the password of the account NAME, and let it try again at once. It is signed out everywhere."""
    kept = hashed(_password(from_stdin=password_stdin))
    with open_database(check_database, check_schema) as database:
        ModeratorStore(database).change(name, password=kept)
    click.echo(f"{name} has a new password.")


@moderators.command()
@click.argument("name")
def disable(name: str) -> None:
    """Shut the account NAME out, at once. What it decided stays on record under its name."""
    with open_database(check_database, check_schema) as database:
        ModeratorStore(database).change(name, disabled=True)
    click.echo(f"{name} cannot sign in any more; `inpaintd moderators enable` takes that back.")


@moderators.command()
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled account NAME in again."""
    with open_database(check_database, check_schema) as database:
        ModeratorStore(database).change(name, disabled=False)
    click.echo(f"{name} may sign in again.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return given


def _shown(account: Moderator) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role,
        "password": account.password is not None,
        "subject": account.subject,
        "barred_until": account.barred_until and account.barred_until.isoformat(),
        "created_at": account.created_at.isoformat(),
        "disabled_at": account.disabled_at and account.disabled_at.isoformat(),
    }
