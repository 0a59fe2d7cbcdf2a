"""How long the engine idles while jobs wait: a whole worker process, with everything that a job needs beside it.

    python -m bench.engine_idle [--jobs 60]

The inside of a worker process as it ships: slots, leases and beats on SQLite, live news to Redis, objects in a folder,
safety checks, mark, credentials, encoding. Jobs of 20 to 50 steps, three of four with guidance, all wait when it
starts; its idle time is taken from the engine's first step until no job waits. First on the pocket model with its real
networks: exits 1 when the engine idled more than it may. Then at 512 pixels with a runner that merely sleeps as long
as the step times of a GPU say, so that the rest of the road has to keep up with a GPU: no figure of a GPU, and one of
how many cores there are.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bench.backlog import Backlog, environment
from bench.embedded_redis import embedded_redis
from bench.engine_goodput import MODEL
from bench.targets import report
from safety.settings import SafetySettings
from storage.job import JobState
from storage.settings import StorageSettings, secret_text
from tests.null_worker import open_null_tools
from worker.engine.simulated import SimulatedRunner, StepTimes
from worker.opening import open_tools
from worker.process import WorkerProcess
from worker.settings import WorkerSettings
from worker.tools import Tools

LIMIT, LOOK_SECONDS = 0.05, 0.02
POCKET_SIDE, GPU_SIDE = 128, 512
Open = Callable[[StorageSettings, SafetySettings, WorkerSettings], Tools]


@dataclass(frozen=True, slots=True)
class Span:
    """From the engine's first step until no job waited: seconds, those in which it idled, and jobs that were ended.

    `timings` are the median seconds of each stretch of the jobs' road.
    """

    seconds: float
    idle: float
    jobs: int
    timings: dict[str, float]

    @property
    def share(self) -> float:
        """Of the time in which the engine idled."""
        return self.idle / self.seconds


def work_off(opening: Open, jobs: int, side: int) -> Span:
    """Run a worker's inside on a fresh backlog until everything is done."""
    with _filled(jobs, side) as (backlog, env):
        worker = WorkerSettings.from_env(env)
        tools = opening(StorageSettings.from_env(env), SafetySettings.from_env(secret_text, env), worker)
        process, engine = WorkerProcess(tools, worker), tools.engine
        process.start()
        while engine.steps_done == 0:
            time.sleep(LOOK_SECONDS)
        began, idle = time.monotonic(), engine.idle_seconds
        while backlog.count(JobState.QUEUED):
            time.sleep(LOOK_SECONDS)
        # Read while the engine goes on, so that two readings may be a microsecond apart the wrong way.
        seconds, idle = time.monotonic() - began, max(0.0, engine.idle_seconds - idle)
        ended = backlog.count(JobState.SUCCEEDED)
        while backlog.count(JobState.RUNNING):
            time.sleep(LOOK_SECONDS)
        process.close()
        return Span(seconds, idle, ended, _medians(backlog.receipts()))


@contextmanager
def _filled(jobs: int, side: int) -> Iterator[tuple[Backlog, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as name, embedded_redis(Path(name)) as redis_url:
        env = environment(Path(name), redis_url)
        backlog = Backlog(env, jobs, side)
        yield backlog, env
        backlog.close()


def _medians(receipts: list[dict[str, Any]]) -> dict[str, float]:
    names = [name for name in receipts[0]["timings"] if name != "queued"]
    return {name: statistics.median(receipt["timings"][name] for receipt in receipts) for name in names}


def at_pace_of(runner: SimulatedRunner) -> Open:
    """The product's tools, but for the networks: those sleep."""
    return lambda storage, safety, worker: open_null_tools(storage, safety, worker, runner)


def main() -> int:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=60)
    chosen = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    pocket = work_off(open_tools, chosen.jobs, POCKET_SIDE)
    _print(f"pocket model, {POCKET_SIDE} px", pocket)
    status = report([("share of that time in which the engine idled", pocket.share, "<=", LIMIT)])
    times = StepTimes.read(MODEL)
    runner = SimulatedRunner(times, time.sleep)
    paced = work_off(at_pace_of(runner), chosen.jobs, GPU_SIDE)
    _print(f"no networks, {GPU_SIDE} px, {os.cpu_count()} cores; step times: {times.source}", paced)
    print(f"  rows a UNet call: {statistics.mean(runner.calls):.1f} on average")
    return status


def _print(title: str, span: Span) -> None:
    print(f"\n{title}\n  jobs waited for {span.seconds:.1f} s; {span.jobs / span.seconds:.2f} ended a second")
    print("  median ms: " + ", ".join(f"{name} {seconds * 1000:.0f}" for name, seconds in span.timings.items()))
    print(f"  engine idle while jobs waited: {span.share:.1%}")


if __name__ == "__main__":
    sys.exit(main())
