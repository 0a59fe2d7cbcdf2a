"""`inpaintd watch`: jobs on their way, with a bar for each, or a whole batch with one for all."""

from __future__ import annotations

import time

import click

from producer.cli.crowd import Crowd, bars
from producer.cli.output import JSON, PROGRESS_SECONDS, as_json_line, describe
from producer.cli.plain_errors import Unwell
from producer.client import Client
from producer.client.batch_types import BatchView
from producer.client.errors import NotAtRest


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--batch", "batch_id", help="All jobs of this batch, or with this label, instead.")
@click.option("--timeout", type=float, help="Give up after so many seconds. [default: never]")
@JSON
def watch(jobs: tuple[str, ...], batch_id: str | None, timeout: float | None, json_output: bool) -> None:
    """Watch each JOB until it has ended or is held, with its progress; one line for each as it comes to rest."""
    if (batch_id is None) == (not jobs):
        raise click.UsageError("Name jobs, or a batch with --batch.")
    with Client() as client:
        if batch_id is not None:
            well = _watch_batch(client, batch_id, timeout, json_output=json_output)
        else:
            well = _watch_jobs(client, jobs, timeout, json_output=json_output)
    if not well:
        click.get_current_context().exit(Unwell.exit_code)


def _watch_jobs(client: Client, jobs: tuple[str, ...], timeout: float | None, *, json_output: bool) -> bool:
    well = True
    for job in Crowd(client.get, timeout).each(list(dict.fromkeys(jobs))):
        well = well and job["status"] == "succeeded"
        if json_output:
            as_json_line(job)
        else:
            click.echo(f"{job['id']} {describe(job)}")
    return well


def _watch_batch(client: Client, batch_id: str, timeout: float | None, *, json_output: bool) -> bool:
    end = time.monotonic() + (float("inf") if timeout is None else timeout)
    with bars() as progress:
        bar = progress.add_task(batch_id, total=None)
        while _goes_on(batch := client.batch(batch_id)):
            counts = batch["jobs"]
            progress.update(bar, description=counts_of(batch), completed=_ended(batch), total=counts["total"])
            if time.monotonic() >= end:
                raise NotAtRest(f"{batch_id} is not done after {timeout:g} s; it goes on: watch again later.")
            time.sleep(PROGRESS_SECONDS)
    if json_output:
        as_json_line(batch)
    else:
        click.echo(f"{batch['id']} {counts_of(batch)}")
    return batch["jobs"]["succeeded"] == batch["jobs"]["total"]


def counts_of(batch: BatchView) -> str:
    """The batch's jobs by status, those there are."""
    counts = {name: count for name, count in batch["jobs"].items() if count and name != "total"}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no jobs"


def _goes_on(batch: BatchView) -> bool:
    return batch["status"] == "open" or batch["jobs"]["queued"] + batch["jobs"]["running"] > 0


def _ended(batch: BatchView) -> int:
    counts = batch["jobs"]
    return counts["total"] - counts["queued"] - counts["running"]
