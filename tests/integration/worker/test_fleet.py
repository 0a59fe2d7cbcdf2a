"""Four devices, each with a real worker process: one is killed, three go on, and it comes back."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from storage.job import Job, JobState
from storage.lease_store import LeaseStore
from storage.tables import jobs
from tests.integration.worker.workshop import Workshop
from tests.service import program

DEVICES = ["0", "1", "2", "3"]


def four_gpus(workshop: Workshop, folder: Path) -> Mapping[str, str]:
    """The environment of a machine whose driver lists four GPUs. The null engine needs none of them."""
    tool = folder / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!{sys.executable}\nfor n in range(4): print(f'GPU {{n}}: made up')\n")
    tool.chmod(0o755)
    path = f"{tool.parent}:{os.environ['PATH']}"
    return {**workshop.env, "PATH": path, "INPAINTD_DEVICES": "auto", "INPAINTD_SLOTS": "1"}


def processes(fleet: int) -> dict[str, int]:
    """The worker processes of a fleet by the GPU that each sees."""
    found = {}
    for child in Path(f"/proc/{fleet}/task/{fleet}/children").read_text().split():
        try:
            environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        except FileNotFoundError:
            continue
        found |= {line.split(b"=")[1].decode(): int(child) for line in environment if line.startswith(b"CUDA_VIS")}
    return found


def process_of(workshop: Workshop, job: Job) -> int:
    """The process that runs `job`."""
    with workshop.database.reading() as connection:
        owner: str = connection.execute(sa.select(jobs.c.lease_owner).where(jobs.c.id == job.id)).scalar_one()
    return int(owner.split(":")[1])


def until(fits: Callable[[], bool], workshop: Workshop, seconds: float = 40) -> None:
    """Returns once `fits`, playing the keeper meanwhile."""
    leases, end = LeaseStore(workshop.database), time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < end, workshop.log()
        leases.reap()
        time.sleep(0.05)


def test_one_of_four_is_killed_and_comes_back_while_the_others_work(workshop: Workshop, tmp_path: Path) -> None:
    arguments = ["tests.null_fleet", "--step-seconds", "0.15"]
    with program("fleet", arguments, four_gpus(workshop, tmp_path), tmp_path) as fleet:
        until(lambda: workshop.log().count("worker_started") == 4, workshop)
        running = [workshop.submit(steps=40) for _ in DEVICES]
        for job in running:
            workshop.await_steps(job)
        before = processes(fleet.pid)
        assert sorted(before) == DEVICES
        assert {process_of(workshop, job) for job in running} == set(before.values()), "one job for each device"
        victim, others = running[0], running[1:]
        killed = process_of(workshop, victim)
        device = next(name for name, pid in before.items() if pid == killed)

        os.kill(killed, signal.SIGKILL)
        steps = [workshop.row(job).step for job in others]
        until(lambda: all(workshop.row(job).step > step for job, step in zip(others, steps, strict=True)), workshop)
        until(lambda: processes(fleet.pid).get(device, killed) != killed, workshop)
        after = processes(fleet.pid)
        assert {name: pid for name, pid in after.items() if name != device} == {
            name: pid for name, pid in before.items() if name != device
        }, "nobody else was started again"

        until(lambda: all(workshop.row(job).state is JobState.SUCCEEDED for job in running), workshop, 60)
        assert [workshop.row(job).attempt for job in others] == [1, 1, 1]
        assert workshop.row(victim).crash_count == 1
        again = [workshop.submit(steps=40) for _ in DEVICES]
        for job in again:
            workshop.await_steps(job)
        assert process_of(workshop, again[0]) in after.values()
        assert {process_of(workshop, job) for job in again} == set(after.values()), "the new process works as well"

        fleet.send_signal(signal.SIGTERM)
        assert fleet.wait(40) == 0
    assert all(workshop.row(job).state is JobState.SUCCEEDED for job in again), "a drain lets short jobs finish"
    assert not any(Path(f"/proc/{pid}").exists() for pid in after.values())
