"""The fleet of one machine: a Celery worker process for each device, started again when it dies.

python -m worker.fleet
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import FrameType

import structlog

from safety.errors import PolicyError
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.aliases import DEFAULT, served
from storage.broker import queue_of
from storage.errors import SettingsError
from storage.logs import configure_logging
from storage.settings import StorageSettings, secret_text
from worker.device_names import device_names
from worker.settings import WorkerSettings, device_environment
from worker.standing import remove

log = structlog.get_logger(__name__)

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
WELL_SECONDS = 60.0
MISUSE_STATUS = 2


@dataclass(slots=True)
class Member:
    """One device's process. `backoff` is the wait before the next start, in seconds; `metrics_port` 0 is none."""

    name: str
    device: str
    metrics_port: int = 0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    backoff: float = FIRST_BACKOFF_SECONDS
    due: float = 0.0


class Fleet:
    """Keeps one process per device alive until it is told to stop."""

    def __init__(
        self, settings: WorkerSettings, program: Sequence[str] = ("worker.app",), aliases: Iterable[str] = (DEFAULT,)
    ) -> None:
        """`program` is the module that runs as each process, and what stands before Celery's arguments; `aliases` are
        the models for which it listens. Raises SettingsError."""
        self._program = program
        names = device_names(settings.devices)
        if settings.pod and len(names) > 1:
            raise SettingsError(
                "INPAINTD_POD: a pod has one deletion cost, so it runs one device, "
                f"and INPAINTD_DEVICES means {len(names)} here; give each GPU a pod of its own."
            )
        ports = [settings.metrics_port and settings.metrics_port + index for index in range(len(names))]
        self._members = [
            Member(f"{index}-{name}", name, port) for index, (name, port) in enumerate(zip(names, ports, strict=True))
        ]
        self._slots = settings.slots
        self._ready_file = settings.ready_file
        self._queues = ",".join(map(queue_of, aliases))
        self._stop = threading.Event()
        self._told = 0

    def run(self) -> int:
        """Runs until SIGTERM or SIGINT, then drains every process; a second one hurries. Returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        remove(self._ready_file)  # an earlier fleet may have been killed
        while not self._stop.is_set():
            for member in self._members:
                self._tend(member)
            self._stop.wait(0.2)
        return self._end([member.process for member in self._members if member.process is not None])

    def _end(self, running: list[subprocess.Popen[bytes]]) -> int:
        passed_on = 0
        while any(process.poll() is None for process in running):
            if passed_on < max(self._told, 1):
                passed_on += 1
                for process in running:
                    process.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        return max((abs(process.returncode) for process in running), default=0)

    def _tend(self, member: Member) -> None:
        now = time.monotonic()
        if member.process is None and now >= member.due:
            member.started = now
            try:
                member.process = self._start(member)
            except OSError as problem:  # no memory for another process, perhaps: the others go on
                self._put_off(member, now, str(problem))
        elif member.process is not None and member.process.poll() is not None:
            self._put_off(member, now, f"it ended with status {member.process.returncode}")
            member.process = None

    def _put_off(self, member: Member, now: float, reason: str) -> None:
        """Twice as long as the last time, unless it had been well for a while."""
        well = now - member.started > WELL_SECONDS
        member.backoff = FIRST_BACKOFF_SECONDS if well else min(member.backoff * 2, LONGEST_BACKOFF_SECONDS)
        member.due = now + member.backoff
        remove(self._ready_file)  # the process that died could not
        log.error("worker_died", device=member.device, reason=reason, again_in=member.backoff)

    def _start(self, member: Member) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", *self._program, "--quiet", "worker", "--pool", "threads"]
        command += ["--concurrency", str(self._slots), "--queues", self._queues]
        command += ["--hostname", f"{member.name}@%h", "--without-gossip", "--without-mingle"]
        environment = device_environment(member.device, member.metrics_port)
        log.info("worker_starting", device=member.device)
        # A group of its own: a Ctrl-C in the terminal must reach the workers once, through this process.
        return subprocess.Popen(command, env=environment, start_new_session=True)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._told += 1
        self._stop.set()


def main() -> int:
    """The program."""
    try:
        storage, worker = StorageSettings.from_env(), WorkerSettings.from_env()
        configure_logging(json=storage.log_json)
        # A broken policy would end every worker at its start, again and again, after it has loaded its models.
        load_policy(SafetySettings.from_env(secret_text).policy)
        fleet = Fleet(worker, aliases=served(storage.sources, worker.models))
    except (SettingsError, PolicyError) as problem:
        sys.stderr.write(f"Error: {problem}\n")
        return MISUSE_STATUS
    return fleet.run()


if __name__ == "__main__":
    sys.exit(main())
