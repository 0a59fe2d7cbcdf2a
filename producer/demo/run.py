"""The demonstration from start to end. Exit status 0 only if every job ended as it must and all is stopped."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from producer.client import Client
from producer.demo.course import DemoFailed, Showing, fetch_all, submit_all, watch_all
from producer.demo.scenes import SCENES
from producer.demo.sheet import contact_sheet
from producer.demo.show import live, table
from producer.errors import ProducerError
from producer.interrupts import interruptible
from producer.local import LocalStack
from producer.settings import inherited_environment

OUT = Path("demo-out")
LOG_WIDTH = 110


def main() -> int:
    """Runs the demonstration; returns its exit status."""
    console, began = Console(), time.monotonic()
    if not console.is_terminal:
        console.width = LOG_WIDTH  # a log has no edge, and 80 columns would cut what the table is for
    try:
        with interruptible():
            showings = _run(console)
        _report(console, showings)
    except KeyboardInterrupt:
        return _fail("interrupted; everything is stopped.")
    except (ProducerError, OSError) as error:
        return _fail(str(error))
    console.print(f"Everything is stopped. {time.monotonic() - began:.1f} s in all.", highlight=False)
    return 0


def _run(console: Console) -> list[Showing]:
    # Settings of a deployment in the caller's shell are not meant for this one.
    environment = {name: value for name, value in inherited_environment().items() if not name.startswith("INPAINTD_")}
    with tempfile.TemporaryDirectory(prefix="inpaintd-demo-") as folder:
        console.print("Starting Redis, the API, the keeper and one CPU worker in a temporary folder ...")
        stack = LocalStack(Path(folder) / "stack", devices="cpu", environment=environment)
        try:
            with stack, Client(stack.url, stack.key) as client:
                console.print(f"Ready at {stack.url}; submitting {len(SCENES)} jobs over HTTP.", highlight=False)
                showings = _play(console, stack, client)
        except (ProducerError, OSError):
            _keep_logs(stack)
            raise
        if any(showing.problem for showing in showings):
            _keep_logs(stack)
        return showings


def _play(console: Console, stack: LocalStack, client: Client) -> list[Showing]:
    showings = submit_all(client, SCENES)
    with live(console, showings) as look:

        def look_and_check() -> None:
            look()
            stack.check()

        watch_all(client, showings, look_and_check)
    fetch_all(client, showings)
    return showings


def _report(console: Console, showings: Sequence[Showing]) -> None:
    console.print(table(showings))
    OUT.mkdir(exist_ok=True)
    path = OUT / "contact-sheet.png"
    contact_sheet(showings).save(path)
    console.print(f"Contact sheet: {path.absolute()}", highlight=False, soft_wrap=True)
    problems = [problem for showing in showings if (problem := showing.problem)]
    if problems:
        raise DemoFailed("not every job ended as it must:\n  " + "\n  ".join(problems))


def _keep_logs(stack: LocalStack) -> None:
    logs = stack.folder.root / "logs"
    if logs.is_dir():
        shutil.copytree(logs, OUT / "logs", dirs_exist_ok=True)
        sys.stderr.write(f"The logs are kept in {(OUT / 'logs').absolute()}\n")


def _fail(message: str) -> int:
    sys.stderr.write(f"The demonstration failed: {message}\n")
    return 1
