"""`inpaintd ls`: a tenant's jobs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import click

from producer.cli.output import JSON, as_json, as_table, describe
from producer.client import Client
from producer.client.types import JobView

PAGE = 200
PROMPT_CHARS = 40
STATES = ("queued", "running", "held", "succeeded", "failed", "blocked", "canceled", "expired")


@click.command()
@click.option("--status", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--batch", help="Only jobs of this batch, or with this label.")
@click.option("--user", help="Only jobs of this end-user, by your name for it.")
@click.option("--created-after", help="RFC 3339 with a zone, such as 2026-01-02T03:04:05Z.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Jobs to show.")
@JSON
def ls(limit: int, json_output: bool, **filters: str | None) -> None:
    """List jobs, newest first."""
    given = {name: value for name, value in filters.items() if value is not None}
    with Client() as client:
        jobs = list(itertools.islice(_pages(client, given, min(limit, PAGE)), limit))
    if json_output:
        as_json(jobs)
        return
    head = ("JOB", "CREATED", "PRIORITY", "BATCH", "PROMPT", "STATUS")
    as_table(head, map(_row, jobs))


def _pages(client: Client, filters: dict[str, str], limit: int) -> Iterator[JobView]:
    asked: dict[str, str | int] = {**filters, "limit": limit}
    while True:
        page = client.list(**asked)
        yield from page["data"]
        if page["next_cursor"] is None:
            return
        asked["cursor"] = page["next_cursor"]


def _row(job: JobView) -> tuple[Any, ...]:
    prompt = str(job["params"].get("prompt", ""))
    shown = prompt if len(prompt) <= PROMPT_CHARS else f"{prompt[: PROMPT_CHARS - 1]}…"
    return job["id"], job["created_at"][:19], job["priority"], job["batch"], shown, _status(job)


def _status(job: JobView) -> str:
    if job["status"] == "running":
        return f"running {job['progress']['step']}/{job['progress']['steps']}"
    place = job["queue"]["position"]
    return describe(job) if place is None else f"queued, {place} before it"
