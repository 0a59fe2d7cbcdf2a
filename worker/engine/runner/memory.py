"""How many rows of a UNet call fit into the device's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog
import torch

from worker.engine.budget import FLOOR
from worker.engine.devices import device_errors
from worker.errors import OutOfMemory

log = structlog.get_logger(__name__)

TRIAL_ROWS = 8
MARGIN = 0.15
"""Share of the free memory that is left alone: for fragments, larger pictures and whoever else is on the device."""


class Memory(Protocol):
    """The memory of a device, in bytes."""

    def free(self) -> int:
        """What could still be taken."""
        ...

    def peak_of(self, work: Callable[[], object]) -> int:
        """What `work` takes at its height, beyond what was taken before. Raises OutOfMemory."""
        ...


class CudaMemory:
    """Memory of the current CUDA device."""

    def free(self) -> int:
        """See Memory; what torch has taken and not handed out counts as free."""
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0]) + unused

    def peak_of(self, work: Callable[[], object]) -> int:
        """See Memory."""
        with device_errors():
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            work()
            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated() - before


def rows_that_fit(memory: Memory, call: Callable[[int], object], decode: Callable[[], object], most: int) -> int:
    """Rows of the largest UNet call, from FLOOR to `most`, that fits beside the decoding of a chunk of pictures.

    `call(rows)` makes a UNet call of so many rows. Its memory grows linearly with them, so two calls tell the rest.
    Raises OutOfMemory when not even one guided picture fits.
    """
    free = memory.free()
    decoding = memory.peak_of(decode)
    small = memory.peak_of(lambda: call(FLOOR))
    rows, large = _largest_trial(memory, call)
    a_row = max(1.0, (large - small) / (rows - FLOOR)) if rows > FLOOR else float(small)
    room = free * (1 - MARGIN) - decoding - (small - FLOOR * a_row)
    fitting = max(FLOOR, min(most, int(room / a_row)))
    log.info("rows_measured", rows=fitting, free_bytes=free, decode_bytes=decoding, row_bytes=int(a_row))
    return fitting


def _largest_trial(memory: Memory, call: Callable[[int], object]) -> tuple[int, int]:
    rows = TRIAL_ROWS
    while True:
        try:
            return rows, memory.peak_of(lambda: call(rows))  # noqa: B023  (called at once)
        except OutOfMemory:
            if rows <= FLOOR:
                raise
            rows //= 2
