"""How many jobs a second one GPU serves within two seconds, by the way it is shared. On a virtual clock: no GPU.

    python -m bench.engine_goodput [--table bench/step_times/model.json] [--jobs 600] [--chart docs/engine-goodput.svg]

Four policies on the same Poisson arrivals (20 to 50 steps, three of four jobs with guidance): a loop around the eager
pipeline; one job at a time with recorded graphs; static batches of like jobs; and this product's own engine and
batcher. Static and continuous are first tuned on other arrivals than they are measured on. Two more mixes show where
static catches up: when jobs are alike. The same table gives the same figures everywhere. Exits 1 when a target is
missed.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from bench.engine_continuous import continuous, simulate
from bench.engine_policies import naive, sequential, static
from bench.goodput import LIMIT_SECONDS, Policy, Traces, best, centile, goodput
from bench.targets import report
from bench.traffic import Mix
from worker.engine.simulated import StepTimes

MODEL = Path(__file__).parent / "step_times" / "model.json"
MIXED = Mix("20 to 50 steps, 75% guided", range(20, 51), 0.75)
ALIKE = (
    Mix("20, 25, 30, 40 or 50 steps, 75% guided", (20, 25, 30, 40, 50), 0.75),
    Mix("30 steps, all guided", (30,), 1.0),
)
SEEDS, TUNING_SEEDS = (1, 2, 3, 4), (11, 12)
STATIC = {(size, window): static(size, window) for size in (2, 4, 8, 16) for window in (0.0, 0.05, 0.1, 0.2, 0.4)}
"""By the jobs of a batch at most, and the seconds that it waits for company."""
CONTINUOUS = {rows: continuous(rows) for rows in (6, 8, 10, 12, 16)}
"""By the row budget."""
TO_STATIC, TO_NAIVE = 1.5, 5.0
CANCELED_EVERY, CANCELED_AFTER = 5, 0.25


@dataclass(frozen=True, slots=True)
class Served:
    """A policy as it was tuned, and the jobs a second that it serves in time."""

    name: str
    tuned: str
    policy: Policy
    rate: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """The settings that do best: a static batch's jobs and window in seconds, and the engine's row budget."""

    size: int
    window: float
    rows: int


def tune(tuning: Traces) -> Tuned:
    """On `tuning`, by goodput."""
    return Tuned(*best(STATIC, tuning), best(CONTINUOUS, tuning))


def compare(traces: Traces, tuned: Tuned) -> list[Served]:
    """The four policies on `traces`."""
    batches = f"up to {tuned.size}, window {tuned.window * 1000:.0f} ms"
    policies = [
        ("naive loop", "", naive),
        ("sequential, graphs", "", sequential),
        ("static batches", batches, static(tuned.size, tuned.window)),
        ("continuous", f"{tuned.rows} rows", continuous(tuned.rows)),
    ]
    return [Served(name, settings, policy, goodput(policy, traces)) for name, settings, policy in policies]


def ratios(served: list[Served]) -> tuple[float, float]:
    """Goodput of continuous batching in multiples of static batching and of the naive loop."""
    slow, _, batches, ours = (each.rate for each in served)
    return ours / batches, ours / slow


def _print_comparison(served: list[Served], traces: Traces) -> None:
    print(f"\n{traces.mix.name}")
    print(f"  {'':<20}{'tuned to':<24}{'jobs/s':>7}{'p50 s':>8}{'p95 s':>8}")
    for each in served:
        taken = traces.seconds(each.policy, each.rate)
        print(f"  {each.name:<20}{each.tuned:<24}{each.rate:7.2f}{centile(taken, 50):8.2f}{centile(taken, 95):8.2f}")


def _print_inside(traces: Traces, rate: float, row_budget: int) -> None:
    """How full the calls are and how quickly jobs join and leave, at the rate that is just served in time."""
    every_fifth = [None if number % CANCELED_EVERY else CANCELED_AFTER for number in range(traces.jobs)]
    trace = traces.at(rate)[0]
    whole = simulate(traces.times, trace, row_budget)
    cut = simulate(traces.times, trace, row_budget, every_fifth)
    print(f"\ninside the engine at {rate:.2f} jobs/s")
    mean = statistics.mean(whole.rows)
    print(f"  rows a UNet call: {mean:.1f} of {row_budget} ({mean / row_budget:.0%}) on average")
    print(
        f"  UNet calls an image: {len(whole.rows) / traces.jobs:.1f}; steps an image: {_mean_steps(traces, rate):.1f}"
    )
    joined = whole.joined
    print(
        f"  UNet calls from arrival to join: p50 {centile(joined, 50)}, p95 {centile(joined, 95)} (1 is the next one)"
    )
    print(f"  steps made after a cancel: at most {max(cut.over)}, in {len(cut.over)} cancels")


def _mean_steps(traces: Traces, rate: float) -> float:
    return statistics.mean(job.steps for job in traces.at(rate)[0])


def main() -> int:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--table", type=Path, default=MODEL, help="step times of a device, as JSON")
    options.add_argument("--jobs", type=int, default=600, help="arrivals of each of the four traces")
    options.add_argument("--chart", type=Path, help="draw p95 over the rate here, as SVG")
    chosen = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    times = StepTimes.read(chosen.table)
    print(f"step times: {times.source}\njobs a second at which p95 is at most {LIMIT_SECONDS:g} s")
    traces = Traces(times, MIXED, chosen.jobs, SEEDS)
    served, tuned = _measure(traces)
    _print_inside(traces, served[-1].rate, tuned.rows)
    for mix in ALIKE:
        print(f"  continuous / static: {ratios(_measure(replace(traces, mix=mix))[0])[0]:.2f}")
    if chosen.chart:
        # matplotlib comes with the dependency group `bench` only.
        from bench.engine_chart import draw_goodput

        draw_goodput(chosen.chart, {each.name: each.policy for each in served}, replace(traces, seeds=SEEDS[:2]))
    to_static, to_naive = ratios(served)
    print()
    return report(
        [
            ("continuous / tuned static", to_static, ">=", TO_STATIC),
            ("continuous / naive loop", to_naive, ">=", TO_NAIVE),
        ]
    )


def _measure(traces: Traces) -> tuple[list[Served], Tuned]:
    tuned = tune(replace(traces, jobs=traces.jobs // 2, seeds=TUNING_SEEDS))
    served = compare(traces, tuned)
    _print_comparison(served, traces)
    return served, tuned


if __name__ == "__main__":
    sys.exit(main())
