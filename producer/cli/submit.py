"""`inpaintd submit`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from producer.cli.job_rows import Row, rows_of_pictures, rows_of_table
from producer.cli.many import Sending
from producer.cli.output import JSON, as_json, describe, finish, follow
from producer.cli.request_options import chosen, request_options
from producer.client import Client
from producer.client.many import CONCURRENCY
from producer.client.types import DryRun


@click.command()
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "--mask",
    help="Picture of the image's size; white is repainted. Else the image's alpha. With several images, {stem}, {name} "
    "and {dir} stand for the parts of each one's path.",
)
@click.option(
    "--jobs",
    "table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV or JSONL file instead: a job a row, with `image`, `mask`, `out` and any field of a request.",
)
@request_options
@click.option("--wait", is_flag=True, help="Wait until each job has ended or is held.")
@click.option("--out", type=click.Path(path_type=Path), help="Wait, and write the result here; of several, a folder.")
@click.option("--dry-run", is_flag=True, help="Store nothing: show what the job would do, of a single image.")
@click.option("--run", help="A name for this run: under a new name, the same jobs are made anew.")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=CONCURRENCY, show_default=True, help="Requests at a time."
)
@JSON
def submit(
    images: tuple[str, ...],
    mask: str | None,
    table: Path | None,
    wait: bool,
    out: Path | None,
    dry_run: bool,
    run: str | None,
    concurrency: int,
    json_output: bool,
    **values: Any,
) -> None:
    """Submit each IMAGE (PNG, JPEG or WebP, or a pattern in quotes) for inpainting.

    Several images, or --jobs, can be broken off and begun again: within 24 hours the same command finds the jobs it
    made, and fetches only what is missing. With --json it prints one line for each job.
    """
    rows = _rows(images, mask, table, chosen(values))
    # A pattern that happens to match one file still has a folder for results.
    single = len(images) == 1 and Path(images[0]).is_file() and run is None and not (out and out.is_dir())
    with Client() as client:
        if dry_run or single:
            _send_one(client, rows, out, wait=wait, dry_run=dry_run, json_output=json_output)
            return
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        sending = Sending(client, out, wait or out is not None, json_output)
        sending.send(rows, concurrency=concurrency, run=run)
    click.get_current_context().exit(sending.status)


def _rows(images: tuple[str, ...], mask: str | None, table: Path | None, fields: Mapping[str, Any]) -> list[Row]:
    if (table is None) == (not images):
        raise click.UsageError("Name one or more images, or a table with --jobs.")
    if table is None:
        return list(rows_of_pictures(images, mask, fields))
    if mask is not None:
        raise click.UsageError("With --jobs, the table's column `mask` names each mask; leave --mask out.")
    rows = list(rows_of_table(table, fields))
    if not rows:
        raise click.UsageError(f"{table} holds no job.")
    return rows


def _send_one(
    client: Client, rows: list[Row], out: Path | None, *, wait: bool, dry_run: bool, json_output: bool
) -> None:
    if len(rows) > 1:
        raise click.UsageError("--dry-run takes a single image.")
    if dry_run:
        _rehearse(client.dry_run(**rows[0].job), json_output=json_output)
        return
    job = client.submit(**rows[0].job)
    if wait or out:
        job = follow(client, job, timeout=None)
    finish(client, job, out, json_output=json_output)


def _rehearse(job: DryRun, *, json_output: bool) -> None:
    if json_output:
        as_json(job)
        return
    plan = job["plan"]
    left, top, right, bottom = plan["crop_box"]
    click.echo(f"It would be {describe(job)}. The model would see {left},{top} to {right},{bottom}.")
    click.echo(f"Cost: {plan['unet_rows']} UNet rows, {plan['tokens']['prompt']['tokens']} tokens of prompt.")
    if plan["start_seconds"] is not None:
        click.echo(f"It would start in about {plan['start_seconds']:g} s.")
