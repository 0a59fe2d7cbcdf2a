"""How the claims of one process are shared, and when it says that it is alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from worker.claims import Claims


def job(name: str, *, solo: bool = False) -> Any:
    return SimpleNamespace(id=name, attempt=1, solo=solo)


class Queue:
    """Jobs that wait, and how they were asked for. `gate` holds every claim until it is set."""

    def __init__(self, *waiting: Any) -> None:
        self.waiting = list(waiting)
        self.asked: list[tuple[int, bool]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def claim(self, limit: int, alone: bool) -> list[Any]:
        self.asked.append((limit, alone))
        self.entered.set()
        assert self.gate.wait(10)
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken


def test_a_process_is_alone_only_while_it_holds_nothing() -> None:
    queue = Queue(job("a"), job("b"))
    claims = Claims(queue.claim)
    (first,) = claims.take(1)
    (second,) = claims.take(1)
    claims.done(first)
    assert claims.take(1) == []
    claims.done(second)
    claims.take(1)
    assert [alone for _, alone in queue.asked] == [True, False, False, True]


def test_beside_a_job_that_runs_alone_nothing_is_asked_for() -> None:
    queue = Queue(job("lonely", solo=True), job("next"))
    claims = Claims(queue.claim)
    (lonely,) = claims.take(1)
    assert claims.take(7) == []
    assert len(queue.asked) == 1
    claims.done(lonely)
    assert [found.id for found in claims.take(7)] == ["next"]


def test_slots_that_ask_meanwhile_share_one_claim() -> None:
    queue = Queue(*(job(str(number)) for number in range(20)))
    claims = Claims(queue.claim)
    queue.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(claims.take, 1)
        assert queue.entered.wait(5)
        others = [pool.submit(claims.take, wanted) for wanted in (1, 1, 3)]
        while len(claims._group._waiting) < 3:
            pass
        queue.gate.set()
        found = [future.result(5) for future in (first, *others)]
    assert queue.asked == [(1, True), (5, False)]
    assert sorted(map(len, found)) == [1, 1, 1, 3]
    assert len({one.id for jobs in found for one in jobs}) == 6


def test_a_claim_that_fails_holds_nothing() -> None:
    queue = Queue(job("a"))
    working = queue.claim

    def broken(limit: int, alone: bool) -> list[Any]:
        raise OSError("the database is away")

    claims = Claims(lambda limit, alone: broken(limit, alone) if not queue.asked else working(limit, alone))
    with pytest.raises(OSError, match="away"):
        claims.take(1)
    queue.asked.append((0, False))
    assert len(claims.take(1)) == 1
    assert queue.asked[-1] == (1, True)
