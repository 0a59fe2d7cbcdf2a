"""The program; see the package."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import structlog

from tests import servers
from tests.fuzz import __doc__ as about
from tests.fuzz.ground import ground


def main() -> int:
    """Hunts, prints answers by operation and what was found, and exits 1 if anything was."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.postgres() as postgres,
        ground(Path(folder), postgres.uri, options.seed) as hunt,
    ):
        # As many as it takes: some operations have fewer different cases than their share.
        bag = hunt.run(options.cases)
        while bag.cases < options.cases and not bag.problems:
            bag = hunt.again().run(options.cases - bag.cases)
    for label in sorted({label for label, _ in bag.answers}):
        by_status = Counter({status: n for (name, status), n in bag.answers.items() if name == label})
        print(f"{label:<45} " + "  ".join(f"{status}: {n}" for status, n in sorted(by_status.items())))
    for problem in bag.problems:
        print(f"\nFOUND {problem}")
    print(f"\n{bag.cases} cases, {len(bag.problems)} problems, seed {options.seed}")
    return 1 if bag.problems else 0


if __name__ == "__main__":
    sys.exit(main())
