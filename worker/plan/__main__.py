"""`inpaintd plan`: how many GPUs a load needs, what to expect of them, and what an image costs.

The engine and its batcher run on a virtual clock, with a table of step times in place of a GPU; bench.engine_gpu
measures such a table.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from worker.engine.simulated import StepTimes
from worker.errors import PlanImpossible
from worker.plan.mix import Mix
from worker.plan.plan import SEEDS, Load, Plan, plan

_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86400}
_NOT_IN_IT = (
    "not in it: fetching inputs and storing results, the queue's own milliseconds, broken GPUs, hours that are busier "
    "than the rate; and workers draw from one queue, which is kinder than the shares by chance that are simulated"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit status: 0, or 2 where the input is at fault."""
    chosen = _options().parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        found = plan(_load(chosen))
    except PlanImpossible as problem:
        sys.stderr.write(f"Error: {problem}\n")
        return 2
    shown = as_dict(found, chosen.gpu_hour)
    sys.stdout.write(json.dumps(shown, indent=2) + "\n" if chosen.json else as_text(found, chosen.gpu_hour))
    return 0


def as_dict(found: Plan, gpu_hour: float | None) -> dict[str, Any]:
    """What --json prints. Seconds, shares from 0 to 1, and `cost_per_thousand` in the currency of `gpu_hour`."""
    load = found.load
    return {
        "gpus": found.gpus,
        "rate_per_second": load.rate,
        "images_per_second": load.rate * load.mix.images,
        "p95_limit_seconds": load.p95_seconds,
        "expected": asdict(found.expected),
        "cost_per_thousand": None if gpu_hour is None else found.cost_per_thousand(gpu_hour),
        "table": load.times.source,
        "row_budget": load.row_budget,
        "runs": len(SEEDS),
        "jobs_per_run": load.jobs,
        "simulated": True,
        "caveat": _NOT_IN_IT,
    }


def as_text(found: Plan, gpu_hour: float | None) -> str:
    """The same for people."""
    load, expected = found.load, found.expected
    lines = [
        ("GPUs", f"{found.gpus}"),
        ("p95", f"{expected.p95:.2f} s expected, {load.p95_seconds:g} s at most"),
        ("p50", f"{expected.p50:.2f} s"),
        ("utilisation", f"{expected.utilisation:.0%}"),
        ("expired, refused", f"{expected.expired:.2%}, {expected.refused:.2%}"),
    ]
    if gpu_hour is not None:
        lines.append(("1,000 images", f"{found.cost_per_thousand(gpu_hour):.2f} at {gpu_hour:g} a GPU and hour"))
    spread = f"p95 from {expected.p95_best:.2f} to {expected.p95_worst:.2f} s"
    lines += [
        ("confidence", f"simulated: {len(SEEDS)} runs of {load.jobs} jobs a GPU, {spread}; the worst keeps the limit"),
        ("step times", load.times.source),
        ("", _NOT_IN_IT),
    ]
    return "".join(f"{name:<18}{text}\n" for name, text in lines)


def _load(chosen: argparse.Namespace) -> Load:
    times = _table(chosen.table)
    most = max(times.unet)
    if not 2 <= chosen.row_budget <= most:
        raise PlanImpossible(f"--row-budget must lie between 2 and {most}, where {chosen.table} ends.")
    return Load(chosen.rate, Mix.read(chosen.mix), times, chosen.p95, chosen.row_budget)


def _table(path: Path) -> StepTimes:
    try:
        return StepTimes.read(path)
    except OSError as problem:
        raise PlanImpossible(f"{path} cannot be read: {problem.strerror}; name a table of step times.") from problem
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise PlanImpossible(f"{path} is no table of step times ({problem}); bench.engine_gpu writes one.") from problem


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="inpaintd plan", description=__doc__)
    options.add_argument("--rate", type=_rate, required=True, help="jobs, such as 5/s, 300/min, 10000/h or 1000000/day")
    options.add_argument("--mix", type=Path, required=True, help="what the jobs ask for, as JSON")
    options.add_argument("--table", type=Path, required=True, help="step times of the GPU, as JSON")
    options.add_argument("--p95", type=_positive, default=30.0, help="seconds that 95 of 100 jobs may take (30)")
    options.add_argument("--gpu-hour", type=_positive, help="what a GPU costs an hour, for the cost of an image")
    options.add_argument("--row-budget", type=int, default=16, help="INPAINTD_ROW_BUDGET of the workers (16)")
    options.add_argument("--json", action="store_true", help="print JSON")
    return options


def _rate(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)/(s|min|h|day)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write it like 5/s, 300/min, 10000/h or 1000000/day")
    return _positive(found[1]) / _SECONDS[found[2]]


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
