"""What the demonstration prints: bars or plain lines while jobs run, and a table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table

from producer.demo.course import Showing

COLORS = {"succeeded": "green", "failed": "red", "blocked": "yellow", "held": "yellow", "expired": "red"}


@contextmanager
def live(console: Console, showings: Sequence[Showing]) -> Iterator[Callable[[], None]]:
    """Gives a function that shows how the jobs stand: as bars in a terminal, elsewhere as a line for each change."""
    if console.is_terminal:
        with _bars(console, showings) as look:
            yield look
    else:
        yield _lines(console, showings)


def table(showings: Sequence[Showing]) -> Table:
    """The jobs and how they ended, within 80 columns; their ids are gone with the service that gave them."""
    made = Table(*(Column(title, no_wrap=True) for title in ("prompt", "status", "seconds", "seed", "rule or error")))
    for showing in showings:
        seed = str(showing.job["params"]["seed"])
        time = "" if showing.seconds is None else f"{showing.seconds:.1f}"
        made.add_row(showing.scene.prompt, _colored(showing.job["status"]), time, seed, showing.why)
    return made


@contextmanager
def _bars(console: Console, showings: Sequence[Showing]) -> Iterator[Callable[[], None]]:
    columns = (
        TextColumn("{task.description:26}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console) as progress:
        bars = [
            progress.add_task(showing.scene.prompt, total=showing.job["progress"]["steps"], status="")
            for showing in showings
        ]

        def look() -> None:
            for bar, showing in zip(bars, showings, strict=True):
                job = showing.job
                progress.update(bar, completed=job["progress"]["step"], status=_colored(job["status"]))

        yield look


def _lines(console: Console, showings: Sequence[Showing]) -> Callable[[], None]:
    seen: dict[str, str] = {}

    def look() -> None:
        for showing in showings:
            job = showing.job
            if seen.get(job["id"]) != job["status"]:
                seen[job["id"]] = job["status"]
                console.print(f"{job['id']}  {showing.scene.prompt}: {job['status']}", highlight=False, soft_wrap=True)

    return look


def _colored(status: str) -> str:
    color = COLORS.get(status)
    return f"[{color}]{status}[/{color}]" if color else status
