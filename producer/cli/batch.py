"""`inpaintd batch`: many jobs in one request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from producer.cli.job_rows import Row, rows_of_table
from producer.cli.output import JSON, as_json, as_json_line, as_table, describe, image_name, save_images
from producer.cli.plain_errors import Misuse, Unreachable
from producer.cli.request_options import JSON_OBJECT
from producer.cli.watch import counts_of
from producer.client import Client
from producer.client.batch_types import BatchAnswer, ResultLine

TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def batch() -> None:
    """Many jobs in one request, and jobs that carry the same label."""


@batch.command()
@click.argument("table", type=TABLE)
@click.option("--key", help="Sent again with the same key, the table finds the jobs it made, for 24 hours.")
@click.option("--priority", type=click.Choice(("interactive", "standard", "bulk")), help="Of rows without. [bulk]")
@click.option("--metadata", type=JSON_OBJECT, help="Anything of yours: a JSON object.")
@click.option("--webhook-url", help="Where `batch.finished` is sent.")
@JSON
def create(table: Path, json_output: bool, key: str | None, **about: Any) -> None:
    """Submit every row of a CSV or JSONL TABLE, as `inpaintd submit --jobs` reads it, in one request.

    Pictures are sent along with each row; what thousands of rows share is better uploaded once (POST /v1/files) and
    named by its file_ id. Prints what was refused and a summary; with --json, a line of JSON for each row as it is
    answered, and the batch.
    """
    rows = list(rows_of_table(table, {}))
    with Client() as client:
        answers = client.send_batch([row.job for row in rows], idempotency_key=key, **about)
        status = _tell_answers(answers, rows, json_output=json_output)
    click.get_current_context().exit(status)


@batch.command()
@click.argument("batch_id", metavar="BATCH")
@JSON
def status(batch_id: str, json_output: bool) -> None:
    """Show how far BATCH is, given by its id or by a label; `inpaintd watch --batch` goes on showing it."""
    with Client() as client:
        found = client.batch(batch_id)
    if json_output:
        as_json(found)
    else:
        click.echo(f"{found['id']} {found['progress']:.0%} done: {counts_of(found)}")


@batch.command("ls")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Batches to show.")
@JSON
def ls_(limit: int, json_output: bool) -> None:
    """List batches, newest first."""
    with Client() as client:
        found = client.list_batches(limit=limit)["data"]
    if json_output:
        as_json(found)
        return
    rows = ((one["id"], one["created_at"], one["status"], counts_of(one)) for one in found)
    as_table(("BATCH", "CREATED", "STATUS", "JOBS"), rows)


@batch.command()
@click.argument("batch_id", metavar="BATCH")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Fetch the images into this folder.")
@JSON
def results(batch_id: str, out: Path | None, json_output: bool) -> None:
    """Print what became of each job of BATCH, in the order of sending; with --json, one line of JSON each.

    Images that lie in the folder already are not fetched again.
    """
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with Client() as client:
        for result in client.batch_results(batch_id):
            files = _saved(client, result, out)
            if json_output:
                as_json_line({**result, "files": files})
            else:
                job, name = result["job"], result["custom_id"] or f"line {result['line']}"
                click.echo("  ".join([name, job["id"], describe(job), *files]))


@batch.command()
@click.argument("batch_id", metavar="BATCH")
@JSON
def cancel(batch_id: str, json_output: bool) -> None:
    """Cancel every job of BATCH, or with this label, that has not ended."""
    with Client() as client:
        done = client.cancel_batch(batch_id)
    if json_output:
        as_json(done)
    else:
        click.echo(f"{done['canceled']} canceled, {done['stopping']} stopping")


def _tell_answers(answers: Iterator[BatchAnswer], rows: Sequence[Row], *, json_output: bool) -> int:
    status = 0
    for answer in answers:
        if json_output:
            as_json_line(answer)
        error = answer.get("error")
        if "batch" in answer:
            lines = answer["batch"]["lines"]
            if lines is not None and not json_output:
                click.echo(f"{answer['batch']['id']} {', '.join(f'{count} {name}' for name, count in lines.items())}")
            if error:
                raise Unreachable(f"The batch ended early: {error['detail']} [{error['code']}]")
        elif error:
            status = Misuse.exit_code
            click.echo(f"{rows[answer['line'] - 1].where}: {error['detail']} [{error['code']}]", err=True)
    return status


def _saved(client: Client, result: ResultLine, out: Path | None) -> list[str]:
    job = result["job"]
    if out is None or job["status"] != "succeeded":
        return []
    name = re.sub(r"[^\w.-]+", "_", result["custom_id"] or job["id"])
    number = "" if result["line"] is None else f"{result['line']:05}-"
    return [str(path) for path in save_images(client, job, out / image_name(job, f"{number}{name}"))]
