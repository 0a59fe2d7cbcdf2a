"""CUDA graphs of the UNet call: the host launches a whole call at once instead of a thousand kernels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch

from worker.engine.runner.unet import UnetCall, UnetRows

MOST_GRAPHS = 40
"""About four shapes of pictures at every size of the ladder."""
WARM_UP_CALLS = 2

Recorder = Callable[[UnetCall, UnetRows], UnetCall]
"""Records a call for rows of these shapes; what it returns replays the record for other rows of the same shapes."""


class GraphedUnet:
    """Replays a record for each set of shapes, made when it is first needed; the least recently used make room."""

    def __init__(self, call: UnetCall, record: Recorder, most: int = MOST_GRAPHS) -> None:
        self._call = call
        self._record = record
        self._most = most
        self._records: OrderedDict[Hashable, UnetCall] = OrderedDict()

    def __call__(self, rows: UnetRows) -> torch.Tensor:
        try:
            return self._replay_of(rows)(rows)
        except torch.OutOfMemoryError:
            # Records hold memory that smaller calls may need; they are made anew when they are.
            self._records.clear()
            raise

    def _replay_of(self, rows: UnetRows) -> UnetCall:
        replay = self._records.get(rows.shapes)
        if replay is None:
            if len(self._records) >= self._most:
                self._records.popitem(last=False)
            replay = self._records[rows.shapes] = self._record(self._call, rows)
        self._records.move_to_end(rows.shapes)
        return replay


class CudaRecorder:
    """Records CUDA graphs that share one pool of memory.

    Sharing is safe because graphs run one after another on one stream and their outputs are copied out at once, so
    nothing in the pool has to outlive a replay.
    """

    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, call: UnetCall, rows: UnetRows) -> UnetCall:
        inputs = rows.map(torch.clone)
        _warm_up(call, inputs)
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls belong to the graph; others may go on as they like meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            output = call(inputs)

        def replay(fresh: UnetRows) -> torch.Tensor:
            for fixed, tensor in zip(inputs.tensors, fresh.tensors, strict=True):
                fixed.copy_(tensor)
            graph.replay()
            return output.clone()

        return replay


def _warm_up(call: UnetCall, inputs: UnetRows) -> None:
    """Libraries choose kernels and take workspaces at their first call, which must not happen in a recording."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_CALLS):
            call(inputs)
    torch.cuda.current_stream().wait_stream(side)
