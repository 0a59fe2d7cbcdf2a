"""`python -m tests.chaos`: random faults on a whole deployment, then the oracle. Exits 1 when it found anything."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Report, run


def main() -> int:
    """Runs the seeds one after the other and prints what happened."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, help="first seed; drawn and printed when left out")
    options.add_argument("--runs", type=int, default=1, help="seeds in a row")
    options.add_argument("--jobs", type=int, default=120)
    options.add_argument("--faults", type=int, default=12)
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything it started is ended
    first = secrets.randbelow(100_000) if chosen.seed is None else chosen.seed
    clean = True
    for seed in range(first, first + chosen.runs):
        print(f"seed {seed}: {chosen.jobs} jobs, {chosen.faults} faults", flush=True)
        folder = Path(tempfile.mkdtemp(prefix=f"inpaintd-chaos-{seed}-"))
        report = run(folder, seed, chosen.jobs, chosen.faults)
        _print(report, folder)
        clean = clean and not report.problems
    return 0 if clean else 1


def _print(report: Report, folder: Path) -> None:
    for title, counts in (("faults", report.faults), ("outcomes", report.outcomes), ("attempts", report.attempts)):
        print(f"  {title}: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
    print(f"  {report.seconds:.0f} s; " + ("CLEAN" if not report.problems else f"{len(report.problems)} PROBLEMS"))
    for problem in report.problems[:20]:
        print(f"    {problem}")
    if report.problems:
        print(f"  logs in {folder}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
