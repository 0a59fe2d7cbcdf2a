"""One soak: the capacity is measured, then jobs arrive at a share of it, with a fault every so often, watched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import sqlalchemy as sa

from storage.database import Database
from storage.job import JobState
from storage.tables import jobs
from tests.chaos.deployment import SLOTS, Deployment, deployment
from tests.chaos.faults import deck
from tests.chaos.oracle import Oracle
from tests.chaos.receiver import Receiver, receiver
from tests.chaos.run import Report, examine
from tests.chaos.stream import Stream
from tests.soak.ledger import Row, bounds, judged, problems
from tests.soak.pace import Pace
from tests.soak.visitors import Visitor, visiting
from tests.soak.watch import watching

ENDLESS = 10**9
LOOK_SECONDS = 0.1
# Models are loaded before the first job ends.
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`worker` as of tests.chaos.deployment; `load` is the share of the capacity at which jobs arrive, and `share` what
    may be added to memory, files and connections."""

    seed: int
    seconds: float
    worker: tuple[str, ...]
    load: float = 0.7
    fault_seconds: float = 60.0
    ramp_seconds: float = 5.0
    capacity_seconds: float = 15.0
    sample_seconds: float = 5.0
    share: float = 0.05
    copies: int = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened. `problems` is empty when nothing grew and every promise held; rates are jobs a second."""

    capacity: float
    rate: float
    visits: int
    rows: list[Row]
    report: Report
    problems: list[str]


def soak(folder: Path, plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Runs `plan`; `say` is told what happens while it does."""
    began = time.monotonic()
    with receiver(plan.seed) as (webhook_url, received), deployment(folder, plan.worker, plan.copies) as made:
        with ExitStack() as stack:
            watch = stack.enter_context(watching(made, plan.sample_seconds))
            visitors = stack.enter_context(visiting(made, plan.seed))
            pace = Pace()
            stream = Stream(made, ENDLESS, plan.seed, webhook_url, pace)
            stream.start()
            capacity = _capacity(made, pace, plan)
            pace.steady(plan.load * capacity)
            say(f"capacity {capacity:.1f} jobs a second; now {plan.load * capacity:.1f} arrive")
            faults = _hurt(made, plan, say)
            stream.stop()
            stream.join()
            if pace.missed:
                say(f"for {pace.missed:.0f} s nobody could send")
        report = _told(made, stream, received, visitors)
    report.seed, report.faults, report.seconds = plan.seed, faults, time.monotonic() - began
    rows = judged(watch.tracks, bounds(plan.seconds, plan.load * capacity, plan.share))
    visits = sum(one.visits for one in visitors)
    return Outcome(capacity, plan.load * capacity, visits, rows, report, [*problems(rows), *report.problems])


def _capacity(made: Deployment, pace: Pace, plan: Plan) -> float:
    """Jobs that succeed in a second while there is always work for every slot, and as much waiting."""
    database = Database(made.database_url)
    try:
        _busy(database, pace, plan, START_SECONDS, until=lambda succeeded: succeeded > 0)
        begun, before = _busy(database, pace, plan, plan.ramp_seconds)
        over, after = _busy(database, pace, plan, plan.capacity_seconds)
    finally:
        database.close()
    if after == before:
        raise TimeoutError(f"no job succeeded in {plan.capacity_seconds:g} s; see the logs of the workers")
    return (after - before) / (over - begun)


def _busy(
    database: Database, pace: Pace, plan: Plan, seconds: float, until: Callable[[int], bool] = lambda _succeeded: False
) -> tuple[float, int]:
    """Keeps the queue filled for so long at most; returns when that was and how many jobs had succeeded by then."""
    end = time.monotonic() + seconds
    while True:
        waiting, succeeded = _counts(database)
        now = time.monotonic()
        if now >= end or until(succeeded):
            return now, succeeded
        if waiting < 2 * SLOTS * plan.copies:
            pace.room.set()
        else:
            pace.room.clear()
        time.sleep(LOOK_SECONDS)


def _counts(database: Database) -> tuple[int, int]:
    """Jobs that have not ended, and those that succeeded."""
    with database.reading() as connection:
        counted = connection.execute(sa.select(jobs.c.state, sa.func.count().label("n")).group_by(jobs.c.state)).all()
    by_state = {row.state: row.n for row in counted}
    waiting = by_state.get(JobState.QUEUED, 0) + by_state.get(JobState.RUNNING, 0)
    return waiting, by_state.get(JobState.SUCCEEDED, 0)


def _hurt(made: Deployment, plan: Plan, say: Callable[[str], None]) -> Counter[str]:
    """A fault in the middle of every `fault_seconds`."""
    rng, began = Random(plan.seed), time.monotonic()
    counted: Counter[str] = Counter()
    for number, (name, fault) in zip(range(round(plan.seconds / plan.fault_seconds)), deck(rng), strict=False):
        due = (number + 0.5) * plan.fault_seconds
        _sleep_until(began + due)
        say(f"{due / 60:5.1f} min: {name}")
        fault(made, rng)
        counted[name] += 1
    _sleep_until(began + plan.seconds)
    return counted


def _sleep_until(when: float) -> None:
    time.sleep(max(0.0, when - time.monotonic()))


def _told(made: Deployment, stream: Stream, received: Receiver, visitors: list[Visitor]) -> Report:
    """The oracle's report, and what callers were told that is not so."""
    report = examine(made, stream, received)
    database = Database(made.database_url)
    try:
        states = Oracle(database).states()
    finally:
        database.close()
    for visitor in visitors:
        report.problems += visitor.problems
        for job_id, told in visitor.ends.items():
            if states.get(job_id) != told:
                report.problems.append(f"{job_id}: a caller was told {told}, and it is {states.get(job_id)}")
    return report
