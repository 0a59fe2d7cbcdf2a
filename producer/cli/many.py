"""`inpaintd submit` of several jobs: sent side by side, watched together, saved as they end."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from producer.cli.crowd import Crowd, bars
from producer.cli.job_rows import Row
from producer.cli.output import as_json_line, describe, image_files, image_name, save_images
from producer.cli.plain_errors import Unwell, plain
from producer.client import Client, Submission
from producer.client.types import JobView, at_rest


@dataclass(slots=True)
class Sending:
    """One run of the command. Every row is told once: when it has been sent, or, with `wait`, when it is at rest."""

    client: Client
    out: Path | None
    wait: bool
    json_output: bool
    status: int = 0
    """The exit status so far: the gravest of all rows."""
    _rows: dict[str, list[Row]] = field(default_factory=dict)
    """Those that are waited for, by the job they got; several, where their keys were alike."""

    def send(self, rows: Sequence[Row], *, concurrency: int, run: str | None) -> None:
        """Sends all rows, and waits for them if wanted. Errors of rows are told, and end nothing."""
        jobs = (row.job for row in rows)
        coming = self.client.submit_many(jobs, concurrency=concurrency, run=run)
        with bars() as progress, contextlib.closing(coming):
            bar = progress.add_task("sent", total=len(rows))
            for sent in coming:
                self._take(rows[sent.index], sent)
                progress.advance(bar)
        for job in Crowd(self._look).each(list(self._rows)):
            for row in self._rows[job["id"]]:
                self._tell(row, job)

    def _take(self, row: Row, sent: Submission) -> None:
        if sent.error is not None:
            self._refused(row, sent.error)
        elif sent.job is not None and self.wait:
            self._rows.setdefault(sent.job["id"], []).append(row)
        elif sent.job is not None:
            # What is answered again is the first answer, and much may have happened since.
            self._tell(row, self.client.get(sent.job["id"]) if sent.replayed else sent.job)

    def _refused(self, row: Row, error: Exception) -> None:
        told = plain(error)
        self.status = max(self.status, told.exit_code)
        if self.json_output:
            shown = {"code": getattr(error, "code", None), "message": told.message}
            as_json_line({"where": row.where, "job": None, "files": [], "error": shown})
        else:
            click.echo(f"{row.where}: {told.message}", err=True)

    def _look(self, job_id: str) -> JobView:
        job = self.client.get(job_id)
        if job["status"] == "succeeded" and self.out is not None:
            for row in self._rows[job_id]:
                save_images(self.client, job, self._file(row, job))
        return job

    def _tell(self, row: Row, job: JobView) -> None:
        if at_rest(job) and job["status"] != "succeeded":
            self.status = max(self.status, Unwell.exit_code)
        files = [] if self.out is None else [str(path) for path in image_files(job, self._file(row, job))]
        if self.json_output:
            as_json_line({"where": row.where, "job": job, "files": files, "error": None})
        else:
            click.echo("  ".join([row.where, job["id"], describe(job), *files]))

    def _file(self, row: Row, job: JobView) -> Path:
        return (self.out or Path()) / image_name(job, row.out)
