"""`inpaintd wait`, `get`, `cancel` and `appeal`: one job, or a few."""

from __future__ import annotations

from pathlib import Path

import click

from producer.cli.output import JSON, as_json, describe, finish, follow
from producer.client import Client


@click.command()
@click.argument("job")
@click.option("--timeout", type=float, help="Give up after so many seconds. [default: never]")
@JSON
def wait(job: str, timeout: float | None, json_output: bool) -> None:
    """Wait until JOB has ended or is held for a person."""
    with Client() as client:
        finish(client, follow(client, client.get(job), timeout), None, json_output=json_output)


@click.command()
@click.argument("job")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the finished image here.")
@JSON
def get(job: str, out: Path | None, json_output: bool) -> None:
    """Show JOB as it stands, or fetch its images."""
    with Client() as client:
        finish(client, client.get(job), out, json_output=json_output)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
@JSON
def cancel(jobs: tuple[str, ...], json_output: bool) -> None:
    """Cancel each JOB: a waiting one at once, a running one within a step; an ended one stays as it is.

    `inpaintd batch cancel` does it for all jobs of a batch or a label.
    """
    with Client() as client:
        canceled = [client.cancel(job) for job in jobs]
    if json_output:
        as_json(canceled)
        return
    for job in canceled:
        click.echo(f"{job['id']} {describe(job)}")


@click.command()
@click.argument("job")
@click.argument("text")
@JSON
def appeal(job: str, text: str, json_output: bool) -> None:
    """Ask for another person's look at JOB, which was refused or whose result was taken back; TEXT says why."""
    with Client() as client:
        case = client.appeal(job, text)
    if json_output:
        as_json(case)
    else:
        click.echo(f"{case['id']} {case['status']}, to be decided by {case['due_at']}")
