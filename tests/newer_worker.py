"""A null worker of a version to come, which reads one format more: python -m tests.newer_worker [options].

The options are those of tests.null_worker. It is today's code with one number changed, before anybody imports it.
"""

from __future__ import annotations

from storage import formats

if __name__ == "__main__":
    formats.READS += 1
    from tests import null_worker

    null_worker.main()
