"""A child process: started on a leash in a group of its own, stopped gently or killed with its whole group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from producer.local_errors import ChildDied

TAIL_LINES = 5


def python_program(module: str, *arguments: str) -> list[str]:
    """The command that runs `module` with this Python. -P: a folder of the caller must not pose as a package."""
    return [sys.executable, "-P", "-m", module, *arguments]


class Child:
    """One program of the stack. Its output goes to `log`, after what is there already.

    Start it from a thread that lives as long as the stack: Linux ends the child with the thread that started it.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        self.name = name
        self.log = log
        self._group_killed = False
        leashed = python_program("producer.leash", str(os.getpid()), *command)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                leashed,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=pass_fds,
                # A group of its own: Ctrl-C reaches only the parent, which then stops everything in order.
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """False once the program has ended; what it left behind in its group is then killed."""
        if self._process.poll() is None:
            return True
        self._kill_group()
        return False

    def check(self) -> None:
        """Raises ChildDied, with the end of the log, if the program has ended."""
        if not self.is_running:
            raise ChildDied(
                f"The {self.name} ended by itself (exit status {self._process.returncode}); see {self.log}. "
                f"It said last:\n{self._tail()}"
            )

    def stop(self, seconds: float) -> None:
        """Asks the program to end and gives it `seconds` for it; then kills what is left of its group."""
        if self.is_running:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kills the program and everything in its group at once. Nothing happens if all of it has ended."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        # Once only: after that, the system may give the group's number to a stranger.
        if not self._group_killed:
            self._group_killed = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join(f"  {line}" for line in lines)
