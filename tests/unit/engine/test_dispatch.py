"""Several models behind one engine."""

from __future__ import annotations

import pytest

from tests.unit.engine.fake_runner import FakeRunner
from tests.unit.engine.requests import request
from worker.engine.dispatch import Dispatch
from worker.engine.engine import Engine
from worker.errors import RequestUnsupported


def test_each_request_goes_to_its_own_model_and_no_call_mixes_two() -> None:
    photo, xl = FakeRunner(), FakeRunner()
    engine = Engine(Dispatch({"photo": photo, "xl": xl}))
    names = ["photo-1", "xl-1", "photo-2", "xl-2"]
    futures = [engine.submit(request(name, model=name.partition("-")[0])) for name in names]
    engine.start()
    for future in futures:
        future.result(10)
    engine.close()
    assert {name for batch in photo.batches for name in batch} == {"photo-1", "photo-2"}
    assert {name for batch in xl.batches for name in batch} == {"xl-1", "xl-2"}
    assert ["photo-1", "photo-2"] in photo.batches, "requests of one model share its calls"
    assert {name for batch in xl.decoded for name in batch} == {"xl-1", "xl-2"}


def test_a_model_that_is_not_loaded_fails_its_request_alone() -> None:
    engine = Engine(Dispatch({"photo": FakeRunner()}))
    lost, fine = engine.submit(request("a", model="gone")), engine.submit(request("b", model="photo"))
    engine.start()
    with pytest.raises(RequestUnsupported, match="'gone'"):
        lost.result(10)
    assert fine.result(10).actual_steps == 4
    engine.close()
