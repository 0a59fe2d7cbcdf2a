"""`inpaintd wait` and `inpaintd get`."""

from __future__ import annotations

from pathlib import Path

import click

from producer.cli.output import finish, follow
from producer.client import Client


@click.command()
@click.argument("job")
@click.option("--timeout", type=float, help="Give up after so many seconds. [default: never]")
@click.option("--json", "json_output", is_flag=True, help="Print the job as JSON.")
def wait(job: str, timeout: float | None, json_output: bool) -> None:
    """Wait until JOB has ended or is held for a person."""
    with Client() as client:
        finish(client, follow(client, client.get(job), timeout), None, json_output=json_output)


@click.command()
@click.argument("job")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the finished image here.")
@click.option("--json", "json_output", is_flag=True, help="Print the job as JSON.")
def get(job: str, out: Path | None, json_output: bool) -> None:
    """Show JOB as it stands, or fetch its images."""
    with Client() as client:
        finish(client, client.get(job), out, json_output=json_output)
