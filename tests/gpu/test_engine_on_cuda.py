"""The engine on a real GPU: graphs, bits, memory, and no waiting. `pytest tests/gpu` where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from storage.params import SchedulerName
from tests.unit.engine.requests import request
from tests.unit.engine.solo import RecordingRunner, relative_error
from tests.unit.engine.tiny_model import tiny_model
from worker.engine.devices import Device, device_errors, pick_device
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest
from worker.engine.runner import DiffusersRunner, measured_rows, warm_up
from worker.engine.runner.unet import LADDER
from worker.errors import OutOfMemory

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
    # diffusers' sigma schedulers still convert tensors the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

FP32 = Device("cuda", torch.float32, torch.device("cuda"))
FREE_OF_WAITS = [name for name in SchedulerName if name is not SchedulerName.UNIPC]


@pytest.fixture(autouse=True)
def _exact_products() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def crowd() -> list[InpaintRequest]:
    return [
        request(f"{name}-{guidance}", scheduler=name, guidance_scale=guidance, steps=6, seed=seed)
        for seed, (name, guidance) in enumerate((name, guidance) for name in SchedulerName for guidance in (1.0, 7.5))
    ]


def finish(runner: RecordingRunner, items: list[InpaintRequest], rows: int) -> dict[str, torch.Tensor]:
    engine = Engine(runner, rows)
    futures = [engine.submit(item) for item in items]
    while engine.turn():
        pass
    assert [future.exception(0) for future in futures] == [None] * len(items)
    return {item.id: runner.finished[item.id] for item in items}


def test_trajectories_in_float32_equal_those_of_the_cpu(tmp_path: Path) -> None:
    """The CPU's are held against diffusers' own pipeline elsewhere; noise is drawn on the CPU either way."""
    ours = finish(RecordingRunner(tiny_model(tmp_path / "gpu", FP32)), crowd(), 16)
    theirs = finish(RecordingRunner(tiny_model(tmp_path / "cpu")), crowd(), 16)
    for name, latents in ours.items():
        assert relative_error(latents.cpu(), theirs[name]) <= 1e-3, name


@pytest.mark.parametrize("device", [FP32, Device("cuda", torch.float16, torch.device("cuda"))])
def test_with_fixed_rows_alone_and_in_a_crowd_are_the_same_bits(tmp_path: Path, device: Device) -> None:
    runner = RecordingRunner(tiny_model(tmp_path, device), fixed_rows=8)
    together = finish(runner, crowd(), 8)
    for item in crowd():
        assert torch.equal(finish(runner, [item], 8)[item.id], together[item.id]), item.id


def test_graphs_compute_what_the_network_computes(tmp_path: Path) -> None:
    runner = DiffusersRunner(tiny_model(tmp_path, FP32))
    batch = [runner.begin(request(str(seed), seed=seed)) for seed in range(3)]
    network = batch[0].networks
    network._call, graphed = network.plain, network._call
    plain = runner.predict(batch)
    network._call = graphed
    for _ in range(3):
        for ours, theirs in zip(runner.predict(batch), plain, strict=True):
            assert relative_error(ours, theirs) <= 1e-5


@pytest.mark.parametrize("name", FREE_OF_WAITS)
def test_no_step_waits_for_the_gpu(tmp_path: Path, name: SchedulerName) -> None:
    runner = DiffusersRunner(tiny_model(tmp_path, pick_device("cuda")))
    trajectory = runner.begin(request("a", scheduler=name, steps=6, eta=0.5))
    runner.advance(trajectory, runner.predict([trajectory])[0])
    torch.cuda.set_sync_debug_mode("error")
    try:
        while trajectory.calls_left:
            runner.advance(trajectory, runner.predict([trajectory])[0])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_memory_that_is_not_there_is_out_of_memory_and_the_gpu_goes_on(tmp_path: Path) -> None:
    runner = RecordingRunner(tiny_model(tmp_path, pick_device("cuda")))
    rows = measured_rows(runner)
    assert rows in LADDER
    warm_up(runner, rows)
    with pytest.raises(OutOfMemory), device_errors():
        torch.empty(2**50, dtype=torch.uint8, device="cuda")
    assert len(finish(runner, crowd(), rows)) == len(crowd())
