"""What a model does before the first job: run once, so that no job waits for what only the first one needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import structlog
import torch

from storage.params import LongPrompt, SchedulerName
from worker.engine.request import CELL, InpaintRequest
from worker.engine.runner.diffusers_runner import DiffusersRunner, DiffusersTrajectory
from worker.engine.runner.memory import CudaMemory, rows_that_fit
from worker.engine.runner.unet import LADDER, next_size
from worker.errors import ModelUnusable

log = structlog.get_logger(__name__)

CPU_ROWS = 16
DECODE_CHUNK = 4
"""Pictures of one VAE call on CUDA: each takes about a GiB at 512 x 512."""


def decode_chunk(runner: DiffusersRunner) -> int:
    """Pictures that may share a VAE call: one where it must have the bits that it has alone, or gains nothing."""
    return DECODE_CHUNK if runner.device.kind == "cuda" and not runner.fixed_rows else 1


def measured_rows(runner: DiffusersRunner) -> int:
    """The row budget for pictures of the model's native size. Raises OutOfMemory when not even one of them fits."""
    if runner.device.kind != "cuda":
        return CPU_ROWS
    one = runner.begin(_request(runner.native_size))
    chunk = [one] * decode_chunk(runner)
    fitting = rows_that_fit(
        CudaMemory(), lambda rows: runner.try_call([one] * rows), lambda: runner.finish(chunk), LADDER[-1]
    )
    return max(size for size in LADDER if size <= fitting)  # what lies between would be padded beyond what fits


def warm_up(runner: DiffusersRunner, rows: int) -> None:
    """One picture of the native size from begin to end and, on CUDA, the graph of each size of call up to `rows`.

    On the thread that will run the jobs. Raises what a job would, and ModelUnusable when the runner cannot keep what
    fixed rows promise.
    """
    if runner.fixed_rows:
        _keep_bits(runner)
    one = runner.begin(_request(runner.native_size))
    if runner.device.kind == "cuda" and not runner.fixed_rows:
        # The largest first: the smaller ones then find room in its memory.
        for size in sorted({next_size(count, LADDER) for count in range(1, rows + 1)}, reverse=True):
            runner.predict([one] * size)
    runner.advance(one, runner.predict([one])[0])
    runner.finish([one])
    log.info("model_is_warm", native_size=runner.native_size, rows=rows)


def _keep_bits(runner: DiffusersRunner) -> None:
    """On one thread, CPU kernels treat all rows alike; several share rows out, and those at the seams differ."""
    if runner.device.kind == "cpu":
        torch.set_num_threads(1)
    batch = [runner.begin(_request(runner.native_size, seed)) for seed in range(runner.fixed_rows)]
    straight, turned = _predictions(runner, batch), _predictions(runner, [*batch[1:], batch[0]])
    if not torch.equal(straight, turned.roll(1, dims=0)):
        raise ModelUnusable(
            "on this device the last bits of a row depend on its place in the UNet call, so that INPAINTD_FIXED_ROWS "
            "cannot keep its promise: try another number, or unset it"
        )


def _predictions(runner: DiffusersRunner, batch: Sequence[DiffusersTrajectory]) -> torch.Tensor:
    return torch.cat(list(runner.predict(batch)))


def _request(side: int, seed: int = 0) -> InpaintRequest:
    """One step without guidance, so that a picture is one row."""
    mask = np.zeros((side, side), np.bool_)
    mask[: CELL * (side // CELL // 2)] = True
    return InpaintRequest(
        id=f"warm-up-{seed}",
        image=np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8),
        mask=mask,
        prompt="",
        negative_prompt="",
        long_prompt=LongPrompt.CHUNK,
        steps=1,
        strength=1.0,
        guidance_scale=1.0,
        scheduler=SchedulerName.DEFAULT,
        eta=0.0,
        clip_skip=0,
        seed=seed,
    )
