"""However many come at once, what they take together stays within bounds, and nobody is left standing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.elbow_room import ElbowRoom


def test_no_more_is_taken_than_there_is_and_all_get_their_turn() -> None:
    room, lock, taken, seen = ElbowRoom(10), threading.Lock(), [0], list[int]()

    def use(pixels: int) -> None:
        with room.taken(pixels):
            with lock:
                taken[0] += pixels
                seen.append(taken[0])
            with lock:
                taken[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, [1, 4, 10, 3, 25, 2, 7] * 50))
    assert len(seen) == 350
    assert max(now for now in seen if now != 25) <= 10, "and what is larger than the room goes alone"


def test_small_ones_do_not_slip_in_before_a_large_one_that_waits() -> None:
    room, order = ElbowRoom(10), list[str]()
    began = threading.Event()

    def use(name: str, pixels: int) -> None:
        began.set()
        with room.taken(pixels):
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        with room.taken(5):
            large = pool.submit(use, "large", 10)
            assert began.wait(10)
            while not room._next.locked():
                pass
            small = pool.submit(use, "small", 1)
        large.result(10)
        small.result(10)
    assert order == ["large", "small"]


def test_a_failure_gives_the_room_back() -> None:
    room = ElbowRoom(1)
    with pytest.raises(ZeroDivisionError), room.taken(1):
        raise ZeroDivisionError
    with room.taken(1):
        pass
