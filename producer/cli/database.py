"""`inpaintd database`: what an administrator of PostgreSQL is given to run."""

from __future__ import annotations

import click

from producer.cli.output import JSON, as_json
from storage.roles import role_statements

_HEADING = """\
-- Roles of inpaintd. Run it after each `inpaintd migrate`, in its database, as a superuser.
-- Afterwards give each role a password (\\password inpaintd_api in psql), and each program the address of its own role.
"""


@click.group()
def database() -> None:
    """The SQL database."""


@database.command()
@click.option("--prefix", default="inpaintd", show_default=True, help="How the names of the roles begin.")
@JSON
def roles(prefix: str, json_output: bool) -> None:
    """Print SQL that makes a role for each program, with no more rights than it needs."""
    statements = list(role_statements(prefix))
    if json_output:
        as_json(statements)
    else:
        click.echo(_HEADING + "\n".join(f"{statement};" for statement in statements))
