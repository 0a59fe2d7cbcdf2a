"""The real fleet, of null workers: python -m tests.null_fleet [options of tests.null_worker]."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from storage.logs import configure_logging
from worker.fleet import Fleet
from worker.settings import WorkerSettings


def main() -> int:
    """The program."""
    # The fleet keeps the current folder off the path of its processes.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    configure_logging(json=False)
    return Fleet(WorkerSettings.from_env(), ("tests.null_worker", *sys.argv[1:])).run()


if __name__ == "__main__":
    sys.exit(main())
