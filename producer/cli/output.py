"""How commands show a job: a line for people or JSON for programs on standard output, progress on standard error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from producer.cli.plain_errors import Unwell
from producer.client import Client
from producer.client.types import JobFacts, JobView, at_rest

PROGRESS_SECONDS = 0.25
JSON = click.option("--json", "json_output", is_flag=True, help="Print JSON.")


def as_json(data: Any) -> None:
    """Prints `data` as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def as_json_line(data: Any) -> None:
    """Prints `data` as one line of JSON, of which a command prints several."""
    click.echo(json.dumps(data, ensure_ascii=False))


def as_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows in columns, for people and for `grep`; None is shown as a dash."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    for row in cells:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return "-" if value is None else " ".join(str(value).split())


def follow(client: Client, job: JobView, timeout: float | None) -> JobView:
    """The job once it has come to rest, with a progress bar meanwhile. Raises NotAtRest after `timeout` seconds."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(job["status"], total=job["progress"]["steps"])
        for latest in client.watch(job["id"], timeout, every=PROGRESS_SECONDS):
            progress.update(bar, description=latest["status"], completed=latest["progress"]["step"])
    return latest


def finish(client: Client, job: JobView, out: Path | None, *, json_output: bool) -> None:
    """Saves the images, says how the job stands, and ends the command with its exit status."""
    saved = save_images(client, job, out) if out and job["status"] == "succeeded" else []
    if json_output:
        as_json(job)
    else:
        click.echo(f"{job['id']} {describe(job)}" + "".join(f"\n{path}" for path in saved))
    if at_rest(job) and job["status"] != "succeeded":
        click.get_current_context().exit(Unwell.exit_code)


def save_images(client: Client, job: JobView, out: Path) -> list[Path]:
    """Writes the job's images to `out`, or to out-0, out-1, ... where there are several.

    One that is there already is not fetched again. Raises OSError.
    """
    paths = image_files(job, out)
    for image, path in zip(job["images"], paths, strict=True):
        if not _is_there(path, image["sha256"]):
            path.write_bytes(client.download(job["id"], image["index"]))
    return paths


def image_files(job: JobView, out: Path) -> list[Path]:
    """Where the job's images are written."""
    if len(job["images"]) < 2:
        return [out for _ in job["images"]]
    return [out.with_name(f"{out.stem}-{image['index']}{out.suffix}") for image in job["images"]]


def image_name(job: JobView, stem: str) -> str:
    """A file name for the job's image: `stem` and the ending of its format."""
    kinds = {image["content_type"].rpartition("/")[2] for image in job["images"]}
    return f"{stem}.{kinds.pop() if kinds else 'png'}"


def _is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def describe(job: JobFacts) -> str:
    """The job's status and, where it did not succeed, why."""
    findings = [finding for finding in job["safety"]["findings"] if finding["detail"]]
    if job["status"] in ("blocked", "held") and findings:
        return f"{job['status']} by rule {findings[0]['rule']}: {findings[0]['detail']}"
    if job["error"]:
        return f"{job['status']} [{job['error']['code']}]: {job['error']['message']}"
    return job["status"]
