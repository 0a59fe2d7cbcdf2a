"""The keeper itself: duties side by side, what happens when one fails or hangs, stopping, and metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from producer.keeper import keeper as keeping
from producer.keeper.keeper import Duty, Keeper, jittered
from producer.keeper.metrics import DutyMetrics
from storage.exposition import serving
from tests.servers import free_port

SECONDS = 10.0


@contextmanager
def running(*keepers: Keeper) -> Iterator[list[threading.Thread]]:
    """Keepers at work; told to stop, and awaited, at the end of the block."""
    stop = threading.Event()
    threads = [threading.Thread(target=keeper.run, args=(stop,), daemon=True) for keeper in keepers]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        stop.set()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()


class Counted:
    """Something to do, and to await being done `times` times."""

    def __init__(self, times: int, failing: bool = False) -> None:
        self._left = threading.Semaphore(0)
        self._times = times
        self._failing = failing

    def __call__(self) -> int:
        self._left.release()
        if self._failing:
            raise ConnectionError("the database is away")
        return 2

    def wait(self) -> None:
        """Returns once it was done as often as it should."""
        for _ in range(self._times):
            assert self._left.acquire(timeout=SECONDS)


def test_a_duty_that_fails_is_tried_again_and_stops_no_other() -> None:
    broken, sound = Counted(3, failing=True), Counted(3)
    with running(Keeper([Duty("broken", 0.01, broken), Duty("sound", 0.01, sound)])):
        broken.wait()
        sound.wait()


def test_a_duty_that_hangs_holds_up_no_other() -> None:
    release, hanging, sound = threading.Event(), threading.Event(), Counted(5)

    def hang() -> None:
        hanging.set()
        release.wait(SECONDS)

    with running(Keeper([Duty("hangs", 0.01, hang), Duty("sound", 0.01, sound)])):
        try:
            assert hanging.wait(SECONDS)
            sound.wait()
        finally:
            release.set()


def test_each_duty_rests_for_its_own_interval() -> None:
    asked: dict[float, int] = {}
    often, seldom = Counted(5), Counted(1)

    def rest(seconds: float) -> float:
        asked[seconds] = asked.get(seconds, 0) + 1
        return 0.001 if seconds == 1 else SECONDS

    with running(Keeper([Duty("often", 1, often), Duty("seldom", 3600, seldom)], rest=rest)):
        often.wait()
        seldom.wait()
    assert asked[1] >= 4
    assert asked[3600] == 1


def test_intervals_scatter_around_what_was_asked_for() -> None:
    rests = [jittered(10.0) for _ in range(200)]
    assert 9 <= min(rests) < 9.7
    assert 10.3 < max(rests) <= 11


def test_a_keeper_stops_at_once_while_its_duties_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "STOP_SECONDS", 3600)
    began = Counted(1)
    with running(Keeper([Duty("rest", 3600, began)])) as (thread,):
        began.wait()
    assert not thread.is_alive()


def test_a_keeper_stops_even_if_a_duty_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "STOP_SECONDS", 0.05)
    release, hanging = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait(SECONDS)

    with running(Keeper([Duty("hangs", 1, hang)])):
        assert hanging.wait(SECONDS)
    assert not release.is_set()
    release.set()


def test_prometheus_sees_what_each_duty_did() -> None:
    metrics, port = DutyMetrics(), free_port()
    keeper = Keeper([], metrics)
    keeper.attempt(Duty("reap", 1, lambda: 3))
    keeper.attempt(Duty("reap", 1, lambda: None))
    keeper.attempt(Duty("ring", 1, Counted(1, failing=True)))
    with serving(metrics.registry, "127.0.0.1", port):
        lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    assert 'inpaintd_keeper_done_total{duty="reap"} 3.0' in lines
    assert 'inpaintd_keeper_run_seconds_count{duty="reap"} 2.0' in lines
    assert 'inpaintd_keeper_failures_total{duty="reap"} 0.0' in lines
    assert 'inpaintd_keeper_run_seconds_count{duty="ring"} 1.0' in lines
    assert 'inpaintd_keeper_failures_total{duty="ring"} 1.0' in lines
    succeeded = [line for line in lines if line.startswith("inpaintd_keeper_last_success_timestamp_seconds{")]
    assert len(succeeded) == 1
    assert float(succeeded[0].rpartition(" ")[2]) > 1.7e9
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_without_a_port_nothing_is_served() -> None:
    before = threading.active_count()
    with serving(DutyMetrics().registry, "127.0.0.1", 0):
        assert threading.active_count() == before
