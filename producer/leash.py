"""Runs a program on a leash: `python -m producer.leash PARENT_PID PROGRAM ARGUMENT...`

On Linux the program gets SIGTERM when the process that started it is gone, however that one ended. The request
survives exec, so any program can be leashed. Elsewhere the program runs without a leash.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_leashed(parent: int, command: list[str]) -> None:
    """Becomes `command`, unless `parent` is already gone. Does not return."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have died before the request was made; then nobody would ever end this process.
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
    os.execv(command[0], command)  # noqa: S606  (the command comes from producer.local.child alone)


if __name__ == "__main__":
    run_leashed(int(sys.argv[1]), sys.argv[2:])
