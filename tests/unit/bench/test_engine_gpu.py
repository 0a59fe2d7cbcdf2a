"""The GPU benchmark runs to its end on a CPU with a small architecture; what it makes of measurements is right."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import torch

from bench import engine_gpu
from bench.engine_continuous import continuous
from bench.engine_goodput import Tuned
from bench.gpu_clock import DeviceClock
from bench.gpu_idle import Idle, covered, idle_of
from bench.gpu_play import Rates, play
from bench.gpu_server import Order, Server
from bench.gpu_stage_a import StageA
from bench.gpu_stage_b import NAIVE, OURS, StageB
from bench.sd15 import FULL, row_tflop
from bench.targets import report
from bench.traffic import Arrival
from worker.engine.devices import Device
from worker.engine.simulated import StepTimes


@pytest.fixture(autouse=True)
def _one_thread_and_its_logs() -> Iterator[None]:
    before, logs = torch.get_num_threads(), structlog.get_config()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    structlog.configure(**logs)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> dict[str, object]:
    stage = arguments[0]
    monkeypatch.setattr(sys, "argv", ["engine_gpu", "--small", "--out", str(folder), "--stage", *arguments])
    assert engine_gpu.main() == 0
    figures: dict[str, object] = json.loads((folder / f"engine-gpu-{stage}.json").read_text())
    return figures


def test_both_stages_run_on_a_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine_gpu, "TUNING_JOBS", 4)
    first = run(monkeypatch, tmp_path, "a", "--times", "1")
    assert set(first["eager"]) == set(map(str, engine_gpu.SMALL_ROWS))
    times = StepTimes.read(tmp_path / "step-times.json")
    assert continuous(4)(times, [Arrival(0.0, 3, True)])[0] > 3 * times.call(2) / 1000
    second = run(monkeypatch, tmp_path, "b", "--seconds", "0.4", "--loads", "4", "--rounds", "1")
    assert len(second["played"]) == len(second["saturated"]) == 4
    assert max(second["join"]) <= 2
    assert max(second["cancel"]) <= 1


def test_a_row_of_the_full_unet_costs_what_was_counted_by_hand() -> None:
    assert row_tflop(FULL) == pytest.approx(0.8034, rel=1e-3)


class Event:
    """A CUDA event on a device that takes a millisecond more with each piece of work."""

    work = 0.0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.at = Event.work * (Event.work + 1) / 2

    def elapsed_time(self, end: "Event") -> float:
        return end.at - self.at


def test_a_device_is_timed_by_its_own_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)

    def work() -> None:
        Event.work += 1

    clock = DeviceClock(Device("cuda", torch.float16, torch.device("cpu")), times=5)
    assert clock.median(work) == 3 + 3  # three to warm up, and the median of five


def test_the_share_of_the_peak_is_that_of_the_fastest_way() -> None:
    stage = StageA({2: 20.0}, {2: 10.0}, {}, {}, row_tflop=0.8, peak=400.0)
    assert stage.share(2) == pytest.approx(2 * 0.8 / 0.010 / 400)


def test_overlapping_kernels_count_once() -> None:
    assert covered([(0, 10), (5, 15), (20, 30), (22, 25)]) == 25
    idle = idle_of([(0, 10), (5, 15), (20, 30)], calls=2)
    assert (idle.share, idle.gap) == (pytest.approx(5 / 30), pytest.approx(5 / 1000 / 2))


class EveryOther(Server):
    """Ends every other job at once, and the others never."""

    rows_done = 0
    closed = threading.Event()

    def submit(self, order: Order) -> None:
        if order.number % 2 == 0:
            order.done()

    def close(self) -> None:
        self.closed.set()


def test_a_job_that_is_not_served_in_time_counts_with_what_it_waited() -> None:
    server = EveryOther()
    played = play(server, [Arrival(0.0, 1, True), Arrival(0.0, 1, True)], patience=0.05)
    assert played.unserved == 1
    assert played.taken[0] < 0.05 <= played.taken[1]
    assert server.closed.is_set()


def test_what_was_promised_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    saturated = {OURS: Rates(5.0, 200.0), NAIVE: Rates(1.5, 60.0)}
    stage = StageB(Tuned(4, 0.0, 12), saturated, idle=Idle(0.02, 0.1), join=[1, 2], cancel=[0, 1])
    assert report(stage.against_targets()) == 1
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["met", "MISSED", "met", "met", "met"]
