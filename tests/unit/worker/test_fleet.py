"""Which devices a machine's fleet runs on, and that it brings back what dies."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from worker import fleet as fleet_module
from worker.fleet import Fleet
from worker.settings import WorkerSettings, device_environment


def test_each_process_sees_its_own_gpu_only() -> None:
    assert device_environment("2")["CUDA_VISIBLE_DEVICES"] == "2"
    assert device_environment("2")["INPAINTD_DEVICE"] == "cuda"
    assert device_environment("cpu")["CUDA_VISIBLE_DEVICES"] == ""


def test_every_process_listens_for_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(fleet_module.subprocess, "Popen", lambda command, **_: commands.append(command))
    fleet = Fleet(WorkerSettings(devices=("0",)), aliases=["default", "photo"])
    fleet._tend(fleet._members[0])
    (command,) = commands
    assert command[command.index("--queues") + 1] == "inpaintd.default,inpaintd.photo"


def test_a_process_that_dies_is_started_again_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Four devices; the third is killed. Processes that sleep stand in for workers."""
    monkeypatch.setattr(fleet_module, "FIRST_BACKOFF_SECONDS", 0.0)
    ready = tmp_path / "ready"
    ready.touch()
    fleet = Fleet(WorkerSettings(devices=("0", "1", "2", "3"), ready_file=ready))
    started: list[str] = []

    def start(member: fleet_module.Member) -> subprocess.Popen[bytes]:
        started.append(member.device)
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    monkeypatch.setattr(fleet, "_start", start)
    monkeypatch.setattr(fleet_module.signal, "signal", lambda *_: None)
    members = fleet._members
    for member in members:
        member.backoff = 0.0
        fleet._tend(member)
    victim, others = members[2], [member.process for index, member in enumerate(members) if index != 2]
    assert victim.process is not None
    victim.process.kill()
    victim.process.wait()
    while victim.process is None or victim.process.returncode is not None:
        fleet._tend(victim)
    assert started == ["0", "1", "2", "3", "2"]
    assert not ready.exists(), "the one that was killed could not say so"
    assert all(process is not None and process.poll() is None for process in others)
    fleet._stop.set()
    assert fleet.run() == signal.SIGTERM
    assert all(member.process is not None and member.process.poll() is not None for member in members)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Dying:
    """A process that ends `lifetime` seconds after its start."""

    def __init__(self, clock: Clock, lifetime: float) -> None:
        self._clock = clock
        self._end = clock.now + lifetime
        self.returncode = 1

    def poll(self) -> int | None:
        return 1 if self._clock.now >= self._end else None


def starts(monkeypatch: pytest.MonkeyPatch, lifetimes: list[float], seconds: int) -> list[float]:
    """When a device's processes are started within `seconds`; each lives as long as `lifetimes` says, then they die
    at once."""
    clock, started = Clock(), []
    monkeypatch.setattr(fleet_module, "time", clock)
    fleet = Fleet(WorkerSettings(devices=("cpu",)))

    def start(_: fleet_module.Member) -> Dying:
        started.append(clock.now - 1000)
        lifetime = lifetimes.pop(0) if lifetimes else 0.0
        if lifetime < 0:
            raise OSError("no memory for another process")
        return Dying(clock, lifetime)

    monkeypatch.setattr(fleet, "_start", start)
    for _ in range(seconds * 5):
        fleet._tend(fleet._members[0])
        clock.now += 0.2
    return started


def test_one_that_dies_again_and_again_is_started_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    began = starts(monkeypatch, [], 600)
    pauses = [round(after - before) for before, after in itertools.pairwise(began)]
    assert pauses[:6] == [2, 4, 8, 16, 32, 60]
    assert set(pauses[6:]) == {60}


def test_one_that_was_well_for_a_while_is_started_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    began = starts(monkeypatch, [0.0, 0.0, 0.0, 100.0], 130)
    before, after = began[3], began[4]
    assert 100 <= after - before < 102


def test_one_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    began = starts(monkeypatch, [-1.0, 600.0], 20)
    assert len(began) == 2


def test_a_device_list_that_makes_no_sense_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    for name, value in (("DATABASE_URL", "sqlite://"), ("REDIS_URL", "redis://x"), ("OBJECTS", "file:///x")):
        monkeypatch.setenv(f"INPAINTD_{name}", value)
    monkeypatch.setenv("INPAINTD_DEVICES", "gpu0")
    monkeypatch.setattr(fleet_module, "configure_logging", lambda **_: None)  # it holds for the whole process
    assert fleet_module.main() == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: INPAINTD_DEVICES: 'gpu0' is no device.")
    assert error.count("\n") == 1


def test_a_second_signal_reaches_every_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processes that end at the second SIGTERM only stand in for workers whose jobs take long."""
    code = "import signal,sys;n=[];signal.signal(15,lambda *_:n.append(1) or len(n)>1 and sys.exit());"
    code += "open(sys.argv[1],'w').close()\nwhile 1:signal.pause()"
    fleet = Fleet(WorkerSettings(devices=("0", "1")))
    ready = [tmp_path / "0", tmp_path / "1"]
    for member, path in zip(fleet._members, ready, strict=True):
        member.process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    while not all(path.exists() for path in ready):
        pass
    monkeypatch.setattr(fleet_module.signal, "signal", lambda *_: None)
    fleet._on_signal(signal.SIGTERM, None)
    fleet._on_signal(signal.SIGINT, None)
    assert fleet.run() == 0
