"""The UNet call: padding, records of it, and how far the host runs ahead."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.devices import device_errors
from worker.engine.runner.graphs import GraphedUnet
from worker.engine.runner.lead import Lead
from worker.engine.runner.unet import LADDER, BucketedUnet, PlainUnet, UnetCall, UnetRows
from worker.errors import OutOfMemory


def rows_of(count: int, *, side: int = 8, tokens: int = 77, added: bool = False) -> UnetRows:
    """Rows that can be told apart: row k holds k everywhere."""
    numbers = torch.arange(count, dtype=torch.float32)

    def fill(*shape: int) -> torch.Tensor:
        return numbers.reshape(-1, *[1] * len(shape)).expand(count, *shape)

    extra = {"time_ids": fill(6), "text_embeds": fill(16)} if added else {}
    return UnetRows(fill(9, side, side), numbers, fill(tokens, 4), extra)


class Recorder:
    """Instead of a CUDA graph: keeps the shapes of each record and counts replays."""

    def __init__(self) -> None:
        self.recorded: list[int] = []
        self.replayed: list[int] = []

    def __call__(self, call: UnetCall, rows: UnetRows) -> UnetCall:
        self.recorded.append(len(rows))

        def replay(fresh: UnetRows) -> torch.Tensor:
            assert fresh.shapes == rows.shapes, "a graph can be replayed for the shapes of its record only"
            self.replayed.append(len(fresh))
            return call(fresh)

        return replay


def echo(rows: UnetRows) -> torch.Tensor:
    return rows.sample[:, :4]


@pytest.mark.parametrize("added", [False, True])
@given(count=st.integers(1, 40))
def test_padding_reaches_the_next_size_and_is_never_seen(added: bool, count: int) -> None:
    sizes: list[int] = []

    def call(rows: UnetRows) -> torch.Tensor:
        assert {len(tensor) for tensor in rows.tensors} == {len(rows)}
        sizes.append(len(rows))
        return echo(rows)

    output = BucketedUnet(call, LADDER)(rows_of(count, added=added))
    assert torch.equal(output, echo(rows_of(count)))
    assert sizes[0] == min((size for size in LADDER if size >= count), default=count)
    assert sizes[0] - count <= max(1, count // 3)


def test_what_sdxl_adds_reaches_the_network_and_others_get_none() -> None:
    seen: list[object] = []

    class Unet:
        def __call__(self, *args: object, added_cond_kwargs: object, return_dict: bool) -> list[torch.Tensor]:
            seen.append(added_cond_kwargs)
            return [torch.zeros(1)]

    rows = rows_of(2, added=True)
    PlainUnet(Unet())(rows)
    PlainUnet(Unet())(rows_of(2))
    assert seen == [dict(rows.added), None]


def test_each_set_of_shapes_is_recorded_once_and_replayed() -> None:
    recorder = Recorder()
    unet = GraphedUnet(echo, recorder)
    for rows in (rows_of(2), rows_of(4), rows_of(2), rows_of(2, side=16), rows_of(2, tokens=154), rows_of(4)):
        assert torch.equal(unet(rows), echo(rows))
    assert recorder.recorded == [2, 4, 2, 2]
    assert len(recorder.replayed) == 6


def test_the_least_recently_used_record_makes_room() -> None:
    recorder = Recorder()
    unet = GraphedUnet(echo, recorder, most=2)
    for count in (1, 2, 1, 3, 1, 2):
        unet(rows_of(count))
    assert recorder.recorded == [1, 2, 3, 2]


def test_a_record_that_does_not_fit_is_not_kept_and_the_others_make_room() -> None:
    recorder = Recorder()

    def record(call: UnetCall, rows: UnetRows) -> UnetCall:
        if len(rows) == 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return recorder(call, rows)

    unet = GraphedUnet(echo, record)
    for count in (2, 8, 2, 8, 2):
        if count == 8:
            with pytest.raises(OutOfMemory), device_errors():
                unet(rows_of(count))
        else:
            unet(rows_of(count))
    assert recorder.recorded == [2, 2, 2]


def test_the_host_waits_for_the_call_before_the_last() -> None:
    told: list[str] = []

    class Event:
        def __init__(self, name: str) -> None:
            self._name = name

        def record(self) -> None:
            told.append(f"record {self._name}")

        def synchronize(self) -> None:
            told.append(f"wait {self._name}")

    names = iter("abc")
    make: Callable[[], Event] = lambda: Event(next(names))  # noqa: E731
    lead = Lead(make)
    for _ in range(3):
        lead.launched()
    assert told == ["record a", "record b", "wait a", "record c", "wait b"]
