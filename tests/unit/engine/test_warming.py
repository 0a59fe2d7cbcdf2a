"""What happens before the first job: memory is measured, every model runs once, broken ones are refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.requests import request
from tests.unit.engine.tiny_model import tiny_model
from worker.engine.runner import DiffusersRunner, decode_chunk, measured_rows
from worker.engine.runner import diffusers_runner as runner_module
from worker.engine.runner.memory import rows_that_fit
from worker.engine.runner.unet import UnetRows
from worker.engine_room import open_engine
from worker.errors import ModelUnusable, NumericalFailure, OutOfMemory
from worker.models import LoadedModel
from worker.settings import WorkerSettings

SETTINGS = WorkerSettings.from_env({})
MIB = 2**20


class FakeMemory:
    """A device with so many bytes, of which a call takes `base + rows * a_row`."""

    def __init__(self, size: int, base: int, a_row: int, decoding: int) -> None:
        self.size, self.base, self.a_row, self.decoding = size, base, a_row, decoding
        self.taken = 0

    def free(self) -> int:
        return self.size

    def peak_of(self, work: Callable[[], object]) -> int:
        work()
        if self.taken > self.size:
            raise OutOfMemory("full")
        return self.taken

    def call(self, rows: int) -> None:
        self.taken = self.base + rows * self.a_row

    def decode(self) -> None:
        self.taken = self.decoding


def fitting(memory: FakeMemory, most: int = 32) -> int:
    return rows_that_fit(memory, memory.call, memory.decode, most)


@given(
    st.integers(64, 4096).map(MIB.__mul__),
    st.integers(0, 64),
    st.integers(1, 256).map(MIB.__mul__),
    st.integers(0, 512),
)
def test_what_is_said_to_fit_does_and_no_room_for_many_more_is_left(
    size: int, base: int, a_row: int, decoding: int
) -> None:
    memory = FakeMemory(size, base * MIB, a_row, decoding * MIB)
    if memory.base + 2 * a_row > size or memory.decoding > size:
        with pytest.raises(OutOfMemory):
            fitting(memory)
        return
    rows = fitting(memory)
    assert 2 <= rows <= 32
    room = size - memory.decoding
    assert rows == 2 or memory.base + rows * a_row <= room
    # Where four rows at once do not fit at all, two calls of two rows cannot tell what a third one takes.
    if memory.base + 4 * a_row > size:
        assert rows == 2
    else:
        assert rows == 32 or memory.base + (rows + 1) * a_row > 0.85 * size - memory.decoding - 1


def test_a_trial_that_does_not_fit_is_made_smaller() -> None:
    assert fitting(FakeMemory(1000 * MIB, 0, 150 * MIB, 0)) == 5


def test_a_cpu_has_a_plain_budget_and_decodes_one_by_one(model: LoadedModel) -> None:
    runner = DiffusersRunner(model)
    assert measured_rows(runner) == 16
    assert decode_chunk(runner) == 1


def test_an_engine_that_was_opened_has_run_its_model(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for name in ("begin", "predict", "advance", "finish"):
        monkeypatch.setattr(DiffusersRunner, name, note(name, getattr(DiffusersRunner, name), seen))
    engine = open_engine({"default": model}, SETTINGS)
    assert seen == ["begin", "predict", "advance", "finish"]
    assert engine.submit(request("a", steps=1)).result(30).actual_steps == 1
    engine.close()


def note(name: str, method: Callable[..., object], seen: list[str]) -> Callable[..., object]:
    def noting(self: DiffusersRunner, *args: object) -> object:
        seen.append(name)
        return method(self, *args)

    return noting


def test_a_model_that_makes_no_picture_is_refused_before_any_job(tmp_path: Path) -> None:
    model = tiny_model(tmp_path)
    with torch.no_grad():
        model.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(NumericalFailure):
        open_engine({"default": model}, SETTINGS)


def test_fixed_rows_are_the_budget_and_are_kept(model: LoadedModel) -> None:
    engine = open_engine({"default": model}, replace(SETTINGS, fixed_rows=4, row_budget=9))
    assert engine.submit(request("a", steps=1)).result(30).actual_steps == 1
    engine.close()


def test_fixed_rows_are_refused_where_a_rows_place_shows(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Uneven(runner_module.Networks):
        """The second row comes out a little different, as on CPUs with three threads."""

        def unet(self, rows: UnetRows) -> torch.Tensor:
            output = super().unet(rows)
            output[1] *= 1 + 1e-6
            return output

    monkeypatch.setattr(runner_module, "Networks", Uneven)
    with pytest.raises(ModelUnusable, match="INPAINTD_FIXED_ROWS"):
        open_engine({"default": model}, replace(SETTINGS, fixed_rows=4))
