"""`python -m tests.soak`: half an hour of steady work with a fault a minute. Exits 1 when anything grew or was lost."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.soak.ledger import table
from tests.soak.soak import Outcome, Plan, soak

# A step of the networks that do nothing takes as long as one of a GPU might, so that the workers' engines are what
# bounds the capacity, as in a real fleet, and not the CPU time that other programs of this machine leave.
ENGINES = {"null": ("tests.null_worker", "--step-seconds", "0.4"), "pocket": ("worker.app",)}


def main() -> int:
    """Runs one soak and prints what happened."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--seed", type=int, help="of faults and callers; drawn and printed when left out")
    options.add_argument("--engine", choices=ENGINES, default="null", help="null: networks that do nothing")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything it started is ended
    seed = secrets.randbelow(100_000) if chosen.seed is None else chosen.seed
    folder = Path(tempfile.mkdtemp(prefix=f"inpaintd-soak-{seed}-"))
    print(f"seed {seed}: {chosen.minutes:g} minutes, {chosen.engine} engine; logs in {folder}", flush=True)
    plan = Plan(seed, 60 * chosen.minutes, ENGINES[chosen.engine])
    outcome = soak(folder, plan, lambda words: print(f"  {words}", flush=True))
    _print(outcome)
    return 1 if outcome.problems else 0


def _print(outcome: Outcome) -> None:
    report = outcome.report
    for title, counts in (("faults", report.faults), ("outcomes", report.outcomes), ("attempts", report.attempts)):
        print(f"  {title}: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
    print(f"  {report.jobs} jobs, {outcome.visits} visits, {report.seconds:.0f} s\n\n{table(outcome.rows)}\n")
    print("FLAT AND CLEAN" if not outcome.problems else f"{len(outcome.problems)} PROBLEMS")
    for problem in outcome.problems[:20]:
        print(f"  {problem}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
