"""Questions that come together are asked together, and nobody pays for anybody else's fate."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from producer.together import Together


class Oracle:
    """Answers with the key in capitals; holds its first answer back until it is let go."""

    def __init__(self, fails: Callable[[list[str]], bool] = lambda _: False) -> None:
        self.calls: list[list[str]] = []
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self._fails = fails

    def ask(self, keys: list[str]) -> dict[str, str]:
        self.calls.append(keys)
        if len(self.calls) == 1:
            self.asked.set()
            assert self.go_on.wait(10)
        if self._fails(keys):
            raise LookupError("away")
        return {key: key.upper() for key in keys if key != "nothing"}


async def first_and(oracle: Oracle, *later: str) -> list[str | BaseException | None]:
    """Asks for "a", and while that is being answered for all of `later`."""
    together = Together(oracle.ask, at_once=1)
    first = asyncio.create_task(together("a"))
    await asyncio.to_thread(oracle.asked.wait)
    rest = [asyncio.create_task(together(key)) for key in later]
    await asyncio.sleep(0)  # they have asked
    oracle.go_on.set()
    return await asyncio.gather(first, *rest, return_exceptions=True)


def test_who_comes_meanwhile_shares_the_next_call() -> None:
    oracle = Oracle()
    assert asyncio.run(first_and(oracle, "b", "c", "b", "nothing")) == ["A", "B", "C", "B", None]
    assert oracle.calls == [["a"], ["b", "c", "nothing"]]


def test_an_answer_is_younger_than_its_question() -> None:
    oracle = Oracle()
    assert asyncio.run(first_and(oracle, "a")) == ["A", "A"]
    assert oracle.calls == [["a"], ["a"]], "the first call had begun before the second question"


def test_a_failure_is_that_of_its_call_alone() -> None:
    answers = asyncio.run(first_and(Oracle(lambda keys: "a" in keys), "b"))
    assert isinstance(answers[0], LookupError)
    assert answers[1] == "B"


def test_one_who_leaves_takes_nobody_along() -> None:
    oracle = Oracle()

    async def ask() -> str | None:
        together = Together(oracle.ask, at_once=1)
        leaving, staying = asyncio.create_task(together("a")), asyncio.create_task(together("a"))
        await asyncio.to_thread(oracle.asked.wait)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        oracle.go_on.set()
        return await staying

    assert asyncio.run(ask()) == "A"


def test_no_call_is_larger_than_it_may_be() -> None:
    oracle = Oracle()
    oracle.go_on.set()

    async def ask() -> None:
        together = Together(oracle.ask, largest=3, at_once=2)
        await asyncio.gather(*(together(str(number)) for number in range(10)))

    asyncio.run(ask())
    assert max(map(len, oracle.calls)) == 3
    assert sorted(key for keys in oracle.calls for key in keys) == sorted(map(str, range(10)))
