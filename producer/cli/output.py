"""How commands show a job: a line for people or JSON for programs on standard output, progress on standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from producer.cli.plain_errors import Unwell
from producer.client import Client
from producer.client.types import JobView, at_rest

PROGRESS_SECONDS = 0.25


def as_json(data: Any) -> None:
    """Prints `data` as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


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
    """Writes the job's images to `out`, or to out-0, out-1, ... where there are several. Raises OSError."""
    several = len(job["images"]) > 1
    paths = []
    for image in job["images"]:
        path = out.with_stem(f"{out.stem}-{image['index']}") if several else out
        path.write_bytes(client.download(job["id"], image["index"]))
        paths.append(path)
    return paths


def describe(job: JobView) -> str:
    """The job's status and, where it did not succeed, why."""
    findings = [finding for finding in job["safety"]["findings"] if finding["detail"]]
    if job["status"] in ("blocked", "held") and findings:
        return f"{job['status']} by rule {findings[0]['rule']}: {findings[0]['detail']}"
    if job["error"]:
        return f"{job['status']} [{job['error']['code']}]: {job['error']['message']}"
    return job["status"]
