"""Several clerks at once, each a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

SECONDS = 100


def run_clerks(count: int, tenant_id: str, jobs: int, env: Mapping[str, str]) -> list[int]:
    """Starts `count` clerks that submit `jobs` each, lets them begin together; how many jobs each of them finished.

    Fails with the words of a clerk that met an error.
    """
    command = [sys.executable, "-m", "tests.integration.faults.clerk", tenant_id, str(jobs)]
    pipe = subprocess.PIPE
    clerks = [
        subprocess.Popen(command, env=dict(env), stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(count)
    ]
    try:
        for clerk in clerks:
            assert clerk.stdout is not None
            clerk.stdout.readline()
        for clerk in clerks:
            assert clerk.stdin is not None
            clerk.stdin.write("\n")
            clerk.stdin.flush()
        told = [clerk.communicate(timeout=SECONDS) for clerk in clerks]
    finally:
        for clerk in clerks:
            clerk.kill()
    assert [errors for _, errors in told] == [""] * count
    return [int(output) for output, _ in told]
