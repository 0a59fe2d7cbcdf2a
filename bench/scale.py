"""What 100 million jobs a day ask of each part, and which part is full first.

    python -m bench.scale             # the tables of docs/scale.md
    python -m bench.scale --measure   # what one job costs PostgreSQL, from which they start

Every line says where it comes from. `measured`: a command of this repository, on two cores of a 2.5 GHz Xeon.
`simulated`: the engine on a virtual clock with a model of a GPU's step times. `given`: what the maker of a service
says of it. `assumed`: a guess, to be replaced by your own figure. `reasoned`: arithmetic on the others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

JOBS_A_DAY, PEAK, HEADROOM, CELLS = 100_000_000, 3.0, 0.6, 10
"""`PEAK`: the busiest hour beside the average, assumed. `HEADROOM`: how full a part may be then."""
DAY = 86_400
BUSY = JOBS_A_DAY / DAY * PEAK
GPUS_AT_PEAK = 893
"""`inpaintd plan --rate 300000000/day --mix bench/mixes/edits.json --table bench/step_times/model.json --p95 5`."""
DRAINED = 2226.0 * 2.09 / 2.79
"""Jobs a second through claim, leases, events, audit records and finish: the lowest of three rounds of
`make bench-queue`, which writes no audit records there, times its ratio with and without them."""
BATCHED = 10_000 / 5.2
"""Jobs a second that one API process takes in batches: `python -m bench.api_bulk`."""
SEALED = 15_000.0
"""Audit records a second that one keeper puts into the chain: `python -m bench.scale --measure`."""
LOG_BYTES = 16_077
"""Of PostgreSQL's log a job, the first image of each page included: the same."""
COURIER_THREADS, RECEIVER_SECONDS = 32, 0.2
"""producer/keeper/deliver.py; what a receiver takes to answer, assumed."""
NEWS_A_SECOND, JOBS_A_GPU, REDIS_PUBLISHES = 10, 8, 100_000.0
"""worker/publisher.py; jobs in a call of 16 rows; PUBLISH a second of one Redis, given."""
OBJECTS, PREFIX_PUTS = 4, 3500.0
"""Image, mask, result and manifest of a job; PUTs a second that Amazon gives for one prefix."""
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and bytes that one job leaves in a table, indexes included: `python -m bench.scale --measure`."""

    name: str
    rows: int
    bytes: int


TABLES = (
    Table("audit_records", 2, 3506),
    Table("jobs", 1, 1876),
    Table("marks", 1, 1339),
    Table("job_events", 3, 1180),
    Table("webhook_deliveries", 1, 805),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part, how many jobs a second one of it is good for when it is quite full, and where that comes from."""

    name: str
    jobs: float
    source: str
    headroom: float = HEADROOM

    @property
    def needed(self) -> float:
        """How many of it the busiest hour needs, with headroom."""
        return BUSY / (self.jobs * self.headroom)


def parts() -> list[Part]:
    """Every part that more jobs fill, the one that is full first at the top."""
    news = NEWS_A_SECOND * JOBS_A_GPU * GPUS_AT_PEAK / BUSY
    found = [
        Part("one GPU, with a p95 of 5 s", BUSY / GPUS_AT_PEAK, "simulated; as full as the p95 allows", headroom=1.0),
        Part("webhooks: one keeper", COURIER_THREADS / RECEIVER_SECONDS, "reasoned, assumed 0.2 s a receiver"),
        Part("objects: one prefix of S3", PREFIX_PUTS / OBJECTS, "given: 3,500 PUT/s"),
        Part("intake: one API process, in batches", BATCHED, "measured"),
        Part("queue: PostgreSQL and one worker process on two cores", DRAINED, "measured, if cores add up"),
        Part("progress: one Redis", REDIS_PUBLISHES / news, "given: 100,000 PUBLISH/s"),
        Part("audit: one chain, sealed by one keeper", SEALED / 2, "measured, beside other programs"),
    ]
    return sorted(found, key=lambda part: part.jobs)


def lines() -> Iterator[str]:
    """The tables of docs/scale.md."""
    yield "| part | full at jobs/s | needed in the busiest hour, 60% full | a cell of ten | source |"
    yield "|---|---|---|---|---|"
    for part in parts():
        needed, cell = part.needed, part.needed / CELLS
        yield f"| {part.name} | {part.jobs:,.4g} | {needed:,.1f} | {cell:,.1f} | {part.source} |"
    yield ""
    yield f"| table | rows a day | bytes a job | GB a day | TB in {KEPT_DAYS} days |"
    yield "|---|---|---|---|---|"
    for table in (*TABLES, Table("together", sum(t.rows for t in TABLES), sum(t.bytes for t in TABLES))):
        a_day = table.bytes * JOBS_A_DAY / 1e9
        rows = f"{table.rows * JOBS_A_DAY / 1e6:,.0f} M"
        yield f"| {table.name} | {rows} | {table.bytes:,} | {a_day:,.0f} | {a_day * KEPT_DAYS / 1e3:,.1f} |"
    yield ""
    yield "| in the busiest hour | | source |"
    yield "|---|---|---|"
    yield f"| jobs | {BUSY:,.0f} a second | assumed: {PEAK:g} times the average of {JOBS_A_DAY / DAY:,.0f} |"
    yield f"| log of PostgreSQL | {LOG_BYTES * BUSY / 1e6:,.0f} MB/s | measured: {LOG_BYTES:,} bytes a job |"
    yield f"| audit records | {2 * BUSY:,.0f} a second | reasoned: two a job |"
    yield f"| PUTs to S3 | {OBJECTS * BUSY:,.0f} a second | reasoned: {OBJECTS} objects a job |"
    news = NEWS_A_SECOND * JOBS_A_GPU * GPUS_AT_PEAK
    yield f"| live news in Redis | {news:,.0f} a second | reasoned: ten a running job |"


def _print_measured() -> None:
    # Starts servers, which the tables need not.
    from bench.scale_rows import measure

    cost = measure()
    for name, rows, size in cost.tables:
        print(f"{name:<20} {rows:5.1f} rows  {size:6,d} bytes a job")
    print(f"log                  {cost.log_bytes:,} bytes a job")
    print(f"sealed               {cost.sealed:,.0f} audit records a second")


def main() -> int:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--measure", action="store_true", help="measure what one job costs PostgreSQL instead")
    if options.parse_args().measure:
        _print_measured()
    else:
        print("\n".join(lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
