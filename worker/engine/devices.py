"""Where the networks run, in which precision, and how the device's failures are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from worker.errors import DeviceLost, OutOfMemory

_LIBRARY_FULL = re.compile(r"CU(BLAS|DNN|SOLVER)_STATUS_ALLOC_FAILED")
_LIBRARY_BROKEN = re.compile(r"CU(BLAS|DNN|SOLVER)_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR|MAPPING_ERROR)")


@dataclass(frozen=True, slots=True)
class Device:
    """`kind` is "cpu" or "cuda"; weights and activations are `dtype` on `torch_device`."""

    kind: str
    dtype: torch.dtype
    torch_device: torch.device

    @property
    def half(self) -> bool:
        """True where half-precision weights are wanted."""
        return self.dtype == torch.float16

    def place(self, module: Any) -> Any:
        """`module`, loaded in this dtype, ready for use on this device; convolutions run fastest channels last."""
        return module.to(self.torch_device, memory_format=torch.channels_last).requires_grad_(False).eval()

    def send(self, tensor: torch.Tensor) -> torch.Tensor:
        """`tensor` from the host on this device, without waiting for whatever the device is busy with."""
        if self.kind == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.torch_device, non_blocking=True)


def pick_device(name: str) -> Device:
    """The device called "cpu" (fp32), "cuda" (fp16), or "auto": CUDA where there is one. Raises DeviceLost."""
    if name not in ("auto", "cpu", "cuda"):
        raise DeviceLost(f"unknown device {name!r}: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceLost("no CUDA device is visible here: check the driver and CUDA_VISIBLE_DEVICES, or use cpu")
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        return Device("cuda", torch.float16, torch.device("cuda"))
    return Device("cpu", torch.float32, torch.device("cpu"))


@contextmanager
def device_errors() -> Iterator[None]:
    """Turn torch's device failures into OutOfMemory and DeviceLost; let everything else pass.

    After an accelerator error the CUDA context of this process is unusable, whatever is tried next. cuBLAS and cuDNN
    report theirs as plain RuntimeErrors with the name of the status.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _out_of_memory() from error
    except torch.AcceleratorError as error:
        raise _lost(error) from error
    except RuntimeError as error:
        if _LIBRARY_FULL.search(str(error)):
            raise _out_of_memory() from error
        if _LIBRARY_BROKEN.search(str(error)):
            raise _lost(error) from error
        raise


def _out_of_memory() -> OutOfMemory:
    return OutOfMemory("the device ran out of memory: use a smaller working size or a smaller row budget")


def _lost(error: Exception) -> DeviceLost:
    return DeviceLost(f"the device stopped answering, this process must end: {error}")
