"""Programs of a deployment that are killed, stopped and cut on purpose, and started again when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

RESTART_SECONDS = 0.3


class Supervised:
    """One program, started again whenever it ends, until it is closed. Its whole process group is hit by a fault."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.starts = 0
        self._command = list(command)
        self._env = dict(env)
        self._log = folder / f"{name}.log"
        self._closing = threading.Event()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process that runs now, or the last one; each has its own."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the program and its children; one that has just ended gets none."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def close(self, seconds: float = 15.0) -> None:
        """Ends it for good."""
        self._closing.set()
        self._watcher.join()
        self.send(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command, env=self._env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _watch(self) -> None:
        while not self._closing.wait(RESTART_SECONDS):
            if self._process.poll() is not None:
                # What a killed program left in its group must not live on beside the new one.
                self.send(signal.SIGKILL)
                self._process = self._start()
