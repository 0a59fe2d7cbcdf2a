"""Short troubles of the object store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from storage.errors import ObjectMissing, ObjectStoreUnavailable
from worker import patience
from worker.errors import RequestCanceled
from worker.patience import PAUSES, patiently
from worker.stop import StopReason, StopSign


class Store:
    """Fails as told, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors: Iterator[Exception] = iter(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        error = next(self.errors, None)
        if error is not None:
            raise error
        return "bytes"


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.001,) * len(PAUSES))


@pytest.mark.usefixtures("_quick")
def test_a_store_that_comes_back_is_waited_for() -> None:
    store = Store(*[ObjectStoreUnavailable("500")] * 3)
    assert patiently(store, StopSign()) == "bytes"
    assert store.calls == 4


@pytest.mark.usefixtures("_quick")
def test_a_store_that_stays_away_is_left() -> None:
    store = Store(*[ObjectStoreUnavailable("500")] * 9)
    with pytest.raises(ObjectStoreUnavailable):
        patiently(store, StopSign())
    assert store.calls == 4


def test_a_store_that_is_slow_to_fail_is_not_tried_again_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LATEST_TRY_SECONDS", 0.0)
    store = Store(ObjectStoreUnavailable("timed out"))
    with pytest.raises(ObjectStoreUnavailable):
        patiently(store, StopSign())
    assert store.calls == 1


def test_what_cannot_be_mended_is_raised_at_once() -> None:
    store = Store(ObjectMissing("gone"))
    with pytest.raises(ObjectMissing):
        patiently(store, StopSign())
    assert store.calls == 1


def test_a_stop_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES", (14.0,))
    sign, began = StopSign(), time.monotonic()
    threading.Timer(0.05, sign.put_up, [StopReason.CANCEL]).start()
    with pytest.raises(RequestCanceled):
        patiently(Store(ObjectStoreUnavailable("down")), sign)
    assert time.monotonic() - began < 5
