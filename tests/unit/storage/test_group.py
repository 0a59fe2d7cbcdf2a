"""Calls that come while one is under way share the next; each gets its own answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.group import Group


class Press:
    """Work that can be held up, and remembers who came together."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.may_go = threading.Event()
        self.error: BaseException | None = None

    def work(self, items: list[int]) -> list[int | Exception]:
        self.begun.release()
        self.may_go.wait(10)
        self.rounds.append(items)
        if self.error is not None:
            raise self.error
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


def together(press: Press, group: Group[int, int], items: list[int]) -> list[int | Exception]:
    """Sends 0, and while it is under way, `items` in their order; what each of them got."""

    def call(item: int) -> int | Exception:
        try:
            return group(item)
        except Exception as error:  # noqa: BLE001
            return error

    with ThreadPoolExecutor(len(items) + 1) as pool:
        first = pool.submit(call, 0)
        press.begun.acquire(timeout=10)
        calls = []
        for count, item in enumerate(items, 1):
            calls.append(pool.submit(call, item))
            while len(group._waiting) < count:
                pass
        press.may_go.set()
        first.result(10)
        return [one.result(10) for one in calls]


def test_who_comes_meanwhile_shares_one_call_in_order_and_each_gets_its_own_answer() -> None:
    press = Press()
    answers = together(press, Group(press.work), [3, 1, 2])
    assert answers == [30, 10, 20]
    assert press.rounds == [[0], [3, 1, 2]]


def test_an_exception_in_place_of_an_answer_is_raised_at_its_caller_alone() -> None:
    press = Press()
    good, bad, fine = together(press, Group(press.work), [1, -2, 3])
    assert (good, fine) == (10, 30)
    assert isinstance(bad, ValueError)


def test_an_error_of_the_shared_call_reaches_everybody_and_the_next_call_works() -> None:
    press = Press()
    press.error = KeyError("away")
    group = Group(press.work)
    answers = together(press, group, [1, 2])
    assert [type(answer) for answer in answers] == [KeyError, KeyError]
    press.error = None
    assert group(5) == 50


def test_a_call_takes_no_more_than_the_largest_group() -> None:
    press = Press()
    together(press, Group(press.work, largest=2), [1, 2, 3, 4, 5])
    assert [len(items) for items in press.rounds] == [1, 2, 2, 1]


def test_a_lone_call_waits_for_nobody() -> None:
    calls: list[str] = []
    group: Group[int, int] = Group(
        lambda items: [calls.append(threading.current_thread().name) or item for item in items]
    )
    assert group(7) == 7
    assert calls == [threading.current_thread().name], "done by the caller itself, at once"


def test_an_interrupt_in_one_caller_does_not_leave_the_others_waiting() -> None:
    press = Press()
    press.error = SystemExit("ends")
    answers = together(press, Group(press.work), [1, 2])
    assert all(isinstance(answer, RuntimeError) for answer in answers)


def test_a_work_that_forgets_an_answer_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Group(lambda _items: [])(1)


def test_who_was_answered_together_is_waited_for_and_shares_the_next_call_too() -> None:
    press = Press()
    group = Group(press.work, gather_seconds=60)
    together(press, group, [1, 2, 3])
    with ThreadPoolExecutor(3) as pool:
        calls = []
        for count in (1, 2, 3):
            calls.append(pool.submit(group, count))
            while len(group._waiting) < count and not calls[0].done():
                pass
        assert [call.result(10) for call in calls] == [10, 20, 30]
    assert press.rounds[2:] == [[1, 2, 3]]


def test_who_does_not_come_back_is_waited_for_only_so_long() -> None:
    press = Press()
    group = Group(press.work, gather_seconds=0.01)
    together(press, group, [1, 2, 3])
    assert group(4) == 40
    assert press.rounds[2:] == [[4]]


def test_a_lone_caller_waits_for_nobody_to_come_back() -> None:
    press = Press()
    press.may_go.set()
    group = Group(press.work, gather_seconds=30)
    assert [group(1), group(2), group(3)] == [10, 20, 30]


def test_who_was_left_over_by_a_full_call_waits_for_nobody() -> None:
    press = Press()
    together(press, Group(press.work, largest=2, gather_seconds=30), [1, 2, 3, 4])
    assert [len(items) for items in press.rounds] == [1, 2, 2]
