"""Which devices a machine's fleet runs on, and that it brings back what dies."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worker import fleet as fleet_module
from worker.fleet import Fleet, device_names
from worker.settings import WorkerSettings, device_environment


def test_named_devices_are_taken_as_they_are() -> None:
    assert device_names(("cpu", "cpu")) == ["cpu", "cpu"]
    assert device_names(("0", "3")) == ["0", "3"]


@pytest.mark.parametrize(("listing", "expected"), [("GPU 0: A\nGPU 1: B\n", ["0", "1"]), ("No devices\n", ["cpu"])])
def test_auto_is_every_gpu_or_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str, expected: list[str]
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nprint({listing!r}, end='')\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device_names(("auto",)) == expected


def test_without_a_driver_auto_is_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device_names(("auto",)) == ["cpu"]


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


def test_a_process_that_dies_is_started_again_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four devices; the third is killed. Processes that sleep stand in for workers."""
    monkeypatch.setattr(fleet_module, "FIRST_BACKOFF_SECONDS", 0.0)
    fleet = Fleet(WorkerSettings(devices=("0", "1", "2", "3")))
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
    assert all(process is not None and process.poll() is None for process in others)
    fleet._stop.set()
    assert fleet.run() == signal.SIGTERM
    assert all(member.process is not None and member.process.poll() is not None for member in members)


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
