"""How a worker process takes jobs, bounds them, and lets go of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from worker import slots as slots_module
from worker.slots import Slots
from worker.stop import StopReason


class Work:
    """A job that runs until it is let go or told to stop."""

    def __init__(self, name: str, gate: threading.Event) -> None:
        self.name = name
        self.gate = gate
        self.began = threading.Event()
        self.stopped: StopReason | None = None
        self.left: float | None = None
        self.was_let_go = threading.Event()

    def run(self) -> None:
        self.began.set()
        assert self.gate.wait(10)

    def stop(self, reason: StopReason) -> None:
        self.stopped = reason
        self.gate.set()

    def seconds_left(self) -> float | None:
        return self.left

    def let_go(self) -> None:
        self.was_let_go.set()


class Queue:
    """Jobs that wait to be claimed."""

    def __init__(self, names: list[str], gate: threading.Event) -> None:
        self.works = {name: Work(name, gate) for name in names}
        self.waiting = list(names)
        self.lock = threading.Lock()
        self.well = True

    def claim(self, limit: int, alone: bool) -> list[Any]:
        with self.lock:
            taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return [SimpleNamespace(id=name, attempt=1, solo=False) for name in taken]

    def slots(self, count: int) -> Slots:
        return Slots(self.claim, lambda job: self.works[job.id], lambda: self.well, count)  # type: ignore[arg-type]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Lets running work end; open at the end of each test, so that no thread is left."""
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "POLL_SECONDS", 0.02)


def test_a_ring_works_until_nothing_is_due(gate: threading.Event) -> None:
    gate.set()
    queue = Queue(["a", "b", "c"], gate)
    queue.slots(1).answer()
    assert all(work.began.is_set() for work in queue.works.values())


def test_no_more_jobs_are_taken_than_there_are_slots(gate: threading.Event) -> None:
    queue = Queue(["a", "b", "c"], gate)
    slots = queue.slots(2)
    slots.start()
    assert queue.works["a"].began.wait(5)
    assert queue.works["b"].began.wait(5)
    slots.answer()
    assert queue.waiting == ["c"]
    gate.set()
    assert queue.works["c"].began.wait(5)
    slots.drain(5)


def test_work_that_nobody_rang_for_is_found(gate: threading.Event) -> None:
    gate.set()
    queue = Queue([], gate)
    slots = queue.slots(1)
    slots.start()
    queue.works["late"] = Work("late", gate)
    queue.waiting.append("late")
    assert queue.works["late"].began.wait(5)
    slots.drain(5)


def test_a_drain_lets_jobs_finish_within_the_grace(gate: threading.Event) -> None:
    queue = Queue(["a", "b"], gate)
    slots = queue.slots(1)
    slots.start()
    assert queue.works["a"].began.wait(5)
    drained = threading.Thread(target=slots.drain, args=[30])
    drained.start()
    while not slots._draining:
        drained.join(0.001)
    gate.set()
    drained.join(5)
    assert not drained.is_alive()
    assert queue.works["a"].stopped is None
    assert queue.waiting == ["b"], "a draining worker claims nothing"


def test_after_the_grace_jobs_must_give_way(gate: threading.Event) -> None:
    queue = Queue(["a"], gate)
    slots = queue.slots(1)
    slots.start()
    assert queue.works["a"].began.wait(5)
    slots.drain(0)
    assert queue.works["a"].stopped is StopReason.DRAIN


def test_a_job_that_cannot_finish_in_the_grace_is_given_back_at_once(gate: threading.Event) -> None:
    queue = Queue(["long", "short"], threading.Event())
    queue.works["short"].gate = gate
    queue.works["long"].left, queue.works["short"].left = 100.0, 10.0
    slots = queue.slots(2)
    slots.start()
    assert all(work.began.wait(5) for work in queue.works.values())
    drained = threading.Thread(target=slots.drain, args=[30])
    drained.start()
    assert queue.works["long"].gate.wait(5)
    assert queue.works["short"].stopped is None
    gate.set()
    drained.join(5)
    assert not drained.is_alive()


def test_a_hurry_ends_the_grace(gate: threading.Event) -> None:
    queue = Queue(["a"], gate)
    slots = queue.slots(1)
    slots.start()
    assert queue.works["a"].began.wait(5)
    drained = threading.Thread(target=slots.drain, args=[60])
    drained.start()
    slots.hurry()
    drained.join(5)
    assert not drained.is_alive()
    assert queue.works["a"].stopped is StopReason.DRAIN


def test_a_job_in_a_call_that_does_not_end_is_let_go(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "GIVE_WAY_SECONDS", 0.05)
    queue = Queue(["stuck"], gate)
    stuck = queue.works["stuck"]
    stuck.stop = lambda reason: None  # type: ignore[method-assign]
    slots = queue.slots(1)
    slots.start()
    assert stuck.began.wait(5)
    assert slots.drain(0) is False
    assert stuck.was_let_go.is_set()


def test_a_claim_that_finds_nothing_does_not_hold_up_a_drain() -> None:
    entered, gate = threading.Event(), threading.Event()

    def claim(limit: int, alone: bool) -> list[Any]:
        entered.set()
        assert gate.wait(10)
        return []

    slots = Slots(claim, lambda job: pytest.fail("nothing was claimed"), lambda: True, 1)
    asking = threading.Thread(target=slots.answer)
    asking.start()
    assert entered.wait(5)
    drained = threading.Thread(target=slots.drain, args=[60])
    drained.start()
    gate.set()
    drained.join(0.9)
    assert not drained.is_alive()
    asking.join(5)


def test_a_job_that_breaks_its_run_frees_its_slot(gate: threading.Event) -> None:
    gate.set()
    queue = Queue(["bad", "good"], gate)

    def broken() -> None:
        raise RuntimeError("the database is gone")

    queue.works["bad"].run = broken  # type: ignore[method-assign]
    slots = queue.slots(1)
    slots.answer()
    assert queue.works["good"].began.is_set()


def test_a_process_without_an_engine_gives_itself_up(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()
    monkeypatch.setattr(slots_module.os, "kill", lambda _, number: number == signal.SIGTERM and given_up.set())
    queue = Queue(["a"], gate)
    queue.well = False
    slots = queue.slots(1)
    slots.start()
    assert given_up.wait(5)
    slots.answer()
    assert queue.waiting == ["a"], "what it cannot run it must not claim"
