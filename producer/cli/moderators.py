"""`inpaintd moderators`: the accounts of those who review."""

from __future__ import annotations

import sys

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.doctor import check_database, check_schema
from producer.moderation.passwords import hashed
from storage.moderator_store import Moderator, ModeratorStore, Role

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
@JSON
def add(name: str, role: str, subject: str | None, password_stdin: bool, json_output: bool) -> None:
    """Make an account NAME. The name goes on record with every decision and is never given to anybody else."""
    kept = None if subject is not None and not password_stdin else hashed(_password(from_stdin=password_stdin))
    with open_database(check_database, check_schema) as database:
        account = ModeratorStore(database).add(name, Role(role), password=kept, subject=subject)
    _tell(account, "may sign in at /console.", json_output=json_output)


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
@JSON
def role(name: str, role: str, json_output: bool) -> None:
    """Give the account NAME another ROLE. It is signed out everywhere."""
    with open_database(check_database, check_schema) as database:
        account = ModeratorStore(database).change(name, role=Role(role))
    _tell(account, f"is {role} now.", json_output=json_output)


@moderators.command()
@click.argument("name")
@STDIN
@JSON
def password(name: str, password_stdin: bool, json_output: bool) -> None:
    """Set the password of the account NAME, and let it try again at once. It is signed out everywhere."""
    kept = hashed(_password(from_stdin=password_stdin))
    with open_database(check_database, check_schema) as database:
        account = ModeratorStore(database).change(name, password=kept)
    _tell(account, "has a new password.", json_output=json_output)


@moderators.command()
@click.argument("name")
@JSON
def disable(name: str, json_output: bool) -> None:
    """Shut the account NAME out, at once. What it decided stays on record under its name."""
    with open_database(check_database, check_schema) as database:
        account = ModeratorStore(database).change(name, disabled=True)
    _tell(
        account,
        "cannot sign in any more; `inpaintd moderators enable` takes that back.",
        json_output=json_output,
    )


@moderators.command()
@click.argument("name")
@JSON
def enable(name: str, json_output: bool) -> None:
    """Let a disabled account NAME in again."""
    with open_database(check_database, check_schema) as database:
        account = ModeratorStore(database).change(name, disabled=False)
    _tell(account, "may sign in again.", json_output=json_output)


def _tell(account: Moderator, what: str, *, json_output: bool) -> None:
    if json_output:
        as_json(_shown(account))
    else:
        click.echo(f"{account.name} {what}")


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
