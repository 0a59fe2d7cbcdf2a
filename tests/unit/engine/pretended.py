"""CUDA in name only: the engine's way of running on a GPU, on the CPU, with what only a GPU has replaced by fakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from worker.engine.devices import Device
from worker.engine.runner.unet import PlainUnet, UnetRows

PRETENDED = Device("cuda", torch.float32, torch.device("cpu"))


class PretendedGpu:
    """Counts what was asked of it. A graph remembers the tensors of its capture, and replays by computing again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorded: list[int] = []
        self.replayed: list[int] = []
        self.waits = 0
        self._captured: Any = None
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: _Graph(self))
        monkeypatch.setattr(torch.cuda, "graph", self._capture)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
        monkeypatch.setattr(torch.cuda, "Stream", _Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", _Stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "Event", lambda **_: _Event(self))
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
        monkeypatch.setattr(PlainUnet, "__call__", self._remembering(PlainUnet.__call__))

    @contextmanager
    def _capture(self, graph: _Graph, **_: Any) -> Iterator[None]:
        self._captured = graph
        yield
        self._captured = None
        self.recorded.append(len(graph.rows))

    def _remembering(self, call: Any) -> Any:
        def remembering(unet: PlainUnet, rows: UnetRows) -> torch.Tensor:
            output: torch.Tensor = call(unet, rows)
            if self._captured is not None:
                self._captured.rows, self._captured.output = rows, output
                self._captured.compute = lambda: call(unet, rows)
            return output

        return remembering


class _Graph:
    rows: UnetRows
    output: torch.Tensor
    compute: Any

    def __init__(self, gpu: PretendedGpu) -> None:
        self._gpu = gpu

    def replay(self) -> None:
        self._gpu.replayed.append(len(self.rows))
        self.output.copy_(self.compute())


class _Event:
    def __init__(self, gpu: PretendedGpu) -> None:
        self._gpu = gpu

    def record(self) -> None:
        """Nothing runs beside the host here."""

    def synchronize(self) -> None:
        self._gpu.waits += 1


class _Stream:
    def wait_stream(self, other: object) -> None:
        """Nothing runs beside the host here."""
