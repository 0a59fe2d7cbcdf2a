"""A sampler's step never makes the host wait for the device.

The "device" is torch's meta device: it has shapes and no numbers, so whoever reads a number from it fails, as .item()
and bool() would have to wait on CUDA.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from storage.params import SchedulerName
from tests.unit.engine.requests import request
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.sending import Sending
from worker.models import LoadedModel

# diffusers' sigma schedulers still convert tensors the way of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STOCHASTIC = {SchedulerName.DEFAULT, SchedulerName.DDIM, SchedulerName.EULER_ANCESTRAL, SchedulerName.LCM}
"""With eta."""


class Waits(TorchFunctionMode):
    """Counts host tensors that go to the device by a plain .to()."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if func is torch.Tensor.to and args[0].device.type == "cpu" and made.device.type == "meta":
            self.count += 1
        return made


class Sent:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return torch.empty_like(tensor, device="meta")


def walk(model: LoadedModel, name: SchedulerName, *modes: TorchFunctionMode) -> int:
    """All steps of one request on the meta device."""
    runner = DiffusersRunner(model)
    trajectory = runner.begin(request("a", scheduler=name, steps=6, eta=0.5))
    trajectory.latents, trajectory.condition = trajectory.latents.to("meta"), trajectory.condition.to("meta")
    steps = 0
    while trajectory.calls_left:
        with torch.inference_mode(), ExitStack() as around:
            for mode in modes:
                around.enter_context(mode)
            trajectory.model_rows()
            latents = trajectory.sampler.step(torch.empty_like(trajectory.latents), trajectory.latents)
        trajectory.latents = latents
        steps += 1
    return steps


@pytest.mark.parametrize("name", list(SchedulerName))
def test_no_step_waits_for_the_device(model: LoadedModel, name: SchedulerName) -> None:
    waits, sent = Waits(), Sent()
    steps = walk(model, name, waits, Sending(sent))
    assert waits.count == 0
    assert (sent.count >= steps - 1) == (name in STOCHASTIC | {SchedulerName.UNIPC})


def test_without_that_noise_would_be_waited_for(model: LoadedModel) -> None:
    waits = Waits()
    walk(model, SchedulerName.EULER_ANCESTRAL, waits)
    assert waits.count > 0


def test_what_stays_on_the_host_is_left_alone() -> None:
    sent = Sent()
    with Sending(sent):
        tensor = torch.ones(2).to("cpu").to(torch.float64).to(device="cpu", dtype=torch.float32)
        assert tensor.tolist() == [1, 1]
        assert torch.ones(2).to("meta").device.type == "meta"
        assert torch.ones(2).to(device=torch.device("meta")).device.type == "meta"
    assert sent.count == 2
