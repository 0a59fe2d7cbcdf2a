"""Many jobs watched at once: a bar for all of them, and one for each of those that are looked at."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from producer.cli.output import PROGRESS_SECONDS
from producer.client.errors import NotAtRest
from producer.client.types import JobView, at_rest

# Jobs end about in the order in which they were sent, so that looking at the first of them misses little.
WINDOW = 16


def bars() -> Progress:
    """Progress on standard error, gone when it is over; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


class Crowd:
    """Follows jobs until each has come to rest, WINDOW of them at a time."""

    def __init__(self, look: Callable[[str], JobView], timeout: float | None = None) -> None:
        """`look` reads a job. After `timeout` seconds what is not at rest is given up; None: never."""
        self._look = look
        self._timeout = timeout
        self._end = time.monotonic() + (float("inf") if timeout is None else timeout)
        self._bars: dict[str, TaskID] = {}

    def each(self, job_ids: Sequence[str]) -> Iterator[JobView]:
        """Every job as it comes to rest. Raises NotAtRest when time is over."""
        window, rest = list(job_ids[:WINDOW]), iter(job_ids[WINDOW:])
        with bars() as progress, ThreadPoolExecutor(WINDOW) as pool:
            total = progress.add_task("all", total=len(job_ids))
            while window:
                jobs = list(pool.map(self._look, window))
                ended = [job for job in jobs if at_rest(job)]
                for job in jobs:
                    self._show(progress, job)
                yield from ended
                progress.advance(total, len(ended))
                gone = {job["id"] for job in ended}
                window = [job_id for job_id in window if job_id not in gone]
                window += itertools.islice(rest, WINDOW - len(window))
                if window and not ended:
                    self._pause(window)

    def _show(self, progress: Progress, job: JobView) -> None:
        if at_rest(job):
            if (bar := self._bars.pop(job["id"], None)) is not None:
                progress.remove_task(bar)
        elif job["id"] not in self._bars:
            self._bars[job["id"]] = progress.add_task(_words(job), total=job["progress"]["steps"])
        else:
            progress.update(self._bars[job["id"]], description=_words(job), completed=job["progress"]["step"])

    def _pause(self, left: Sequence[str]) -> None:
        if time.monotonic() >= self._end:
            message = f"{left[0]} and others are not done after {self._timeout:g} s; they go on: watch again later."
            raise NotAtRest(message)
        time.sleep(PROGRESS_SECONDS)


def _words(job: JobView) -> str:
    place = job["queue"]["position"]
    return f"{job['id']} {job['status']}" + ("" if place is None else f", {place} before it")
