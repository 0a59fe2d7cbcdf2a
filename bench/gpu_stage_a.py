"""Stage A: what each network takes alone, and the table of step times that simulations read."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench.gpu_clock import DeviceClock
from bench.naive_loop import naive_pipeline, paint_alone
from bench.paint_requests import OUR_LEVEL, USUAL_LEVEL, as_png, paint_request
from safety.classifiers import ConceptClassifier
from worker.engine.request import CELL
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.graphs import CudaRecorder, GraphedUnet
from worker.engine.runner.networks import compiled_unet
from worker.engine.runner.unet import LADDER, PlainUnet, UnetCall, UnetRows
from worker.engine.simulated import StepTimes
from worker.models import LoadedModel

ROWS = (*LADDER, 48, 64)
COMPILED_FIRST = (2, 16, 8, 32, 4, 1, 12, 24, 6, 20, 28, 48, 64)
"""The order in which sizes are compiled, until the time for that is up: each takes about a minute."""
DECODE_CHUNKS = (1, 2, 4)
GEMM_SIDE = 8192
FEW, MORE = 10, 20
"""Steps of two runs of the naive loop, whose difference is the time of its steps."""


@dataclass(frozen=True, slots=True)
class StageA:
    """Milliseconds by rows of the UNet call, milliseconds of the other parts, and rates in TFLOP/s."""

    eager: dict[int, float]
    graph: dict[int, float]
    compiled: dict[int, float]
    parts: dict[str, float]
    row_tflop: float
    peak: float

    def share(self, rows: int) -> float:
        """Of the measured peak, that the best UNet call of so many rows reaches."""
        best = min(times[rows] for times in (self.eager, self.graph, self.compiled) if rows in times)
        return rows * self.row_tflop / (best / 1000) / self.peak

    def as_json(self) -> dict[str, Any]:
        """The figures, to be kept."""
        return {**asdict(self), "shares": {rows: self.share(rows) for rows in self.eager}}

    def table(self, source: str) -> StepTimes:
        """As simulations read it: with recorded graphs, as the engine runs unless it is told to compile."""
        names = ("begin", "finish", "safety", "encode", "naive_step", "naive_safety", "naive_encode")
        return StepTimes(source, self.graph, **{name: self.parts[name] for name in names})


class Measurer:
    """Times the networks of one model, and asserts that what they make is finite."""

    def __init__(self, model: LoadedModel, rows: Sequence[int], gemm_side: int, times: int) -> None:
        self._model = model
        self._rows = rows
        self._gemm_side = gemm_side
        self._clock = DeviceClock(model.device, times)

    @torch.inference_mode()
    def measure(self, compile_seconds: float, row_tflop: float) -> StageA:
        """Everything; sizes are compiled until `compile_seconds` are over. On a CPU there are no graphs."""
        peak = self._gemm_tflops()
        plain = PlainUnet(self._model.unet)
        eager = {rows: self._unet(plain, rows) for rows in self._rows}
        graph, compiled = dict(eager), dict[int, float]()
        if self._model.device.kind == "cuda":
            graphed = GraphedUnet(plain, CudaRecorder())
            graph = {rows: self._unet(graphed, rows) for rows in self._rows}
            del graphed  # and with it the memory of its graphs
            compiled = self._compiled(compile_seconds)
        return StageA(eager, graph, compiled, self._parts(), row_tflop, peak)

    def _compiled(self, seconds: float) -> dict[int, float]:
        call = GraphedUnet(PlainUnet(compiled_unet(self._model.unet)), CudaRecorder())
        times, end = dict[int, float](), time.monotonic() + seconds
        for rows in COMPILED_FIRST:
            if rows not in self._rows or time.monotonic() > end:
                continue
            try:
                times[rows] = self._unet(call, rows)
            except RuntimeError as error:
                print(f"  compiling for {rows} rows failed, the rest goes on without: {error}", flush=True)
                break
            print(f"  compiled {rows} rows: {times[rows]:.2f} ms", flush=True)
        return times

    def _unet(self, call: UnetCall, rows: int) -> float:
        inputs = self._inputs(rows)
        _require_finite(call(inputs), f"the UNet at {rows} rows")
        return self._clock.median(lambda: call(inputs))

    def _inputs(self, rows: int) -> UnetRows:
        device, cells = self._model.device, self._model.native_size // CELL
        place: dict[str, Any] = {"device": device.torch_device, "dtype": device.dtype}
        sample = torch.randn(rows, 9, cells, cells, **place).contiguous(memory_format=torch.channels_last)
        times = torch.linspace(1, 999, rows, device=device.torch_device)
        return UnetRows(sample, times, torch.randn(rows, 77, self._model.unet.config.cross_attention_dim, **place))

    def _gemm_tflops(self) -> float:
        side, device = self._gemm_side, self._model.device
        left, right = (torch.randn(side, side, device=device.torch_device, dtype=device.dtype) for _ in range(2))
        return 2 * side**3 / (self._clock.median(lambda: left @ right) / 1000) / 1e12

    def _parts(self) -> dict[str, float]:
        return {**self._networks(), **self._engine_parts(), **self._naive_parts()}

    def _networks(self) -> dict[str, float]:
        model, clock = self._model, self._clock
        place: dict[str, Any] = {"device": model.device.torch_device, "dtype": model.device.dtype}
        picture = torch.randn(1, 3, model.native_size, model.native_size, **place)
        ids = torch.ones(2, 77, dtype=torch.long, device=model.device.torch_device)
        cells = model.native_size // CELL
        parts = {
            "CLIP, 2 prompts": clock.median(lambda: model.text_encoder(ids)),
            "VAE encode": clock.median(lambda: model.vae.encode(picture)),
        }
        for count in DECODE_CHUNKS:
            latents = torch.randn(count, 4, cells, cells, **place)
            _require_finite(model.vae.decode(latents).sample, "the VAE")
            parts[f"VAE decode, {count}"] = clock.median(partial(model.vae.decode, latents))
        return parts

    def _engine_parts(self) -> dict[str, float]:
        """As the engine runs them, host and all."""
        runner = DiffusersRunner(self._model)
        request = paint_request(1, self._model.native_size, FEW, True)
        begun, numbers = runner.begin(request), itertools.count(2)

        def begin() -> None:
            """With a prompt that was never read before."""
            runner.begin(paint_request(next(numbers), self._model.native_size, FEW, True))

        image = Image.fromarray(request.image)
        checker = ConceptClassifier(self._model.safety_checker, self._model.feature_extractor, "random")
        return {
            "begin": self._clock.median_on_host(begin),
            "finish": self._clock.median_on_host(lambda: runner.finish([begun])),
            "safety": self._clock.median_on_host(lambda: checker.scores([image])),
            "encode": self._clock.median_on_host(lambda: as_png(request.image, OUR_LEVEL)),
        }

    def _naive_parts(self) -> dict[str, float]:
        """As a loop around the eager pipeline runs them."""
        model, clock = self._model, self._clock
        pipeline = naive_pipeline(model, model.safety_checker)
        few, more = (paint_request(1, model.native_size, steps, True) for steps in (FEW, MORE))
        shorter, longer = (clock.median_on_host(partial(paint_alone, pipeline, request)) for request in (few, more))
        picture = np.zeros((1, model.native_size, model.native_size, 3), np.float32)
        check = partial(pipeline.run_safety_checker, picture, model.device.torch_device, model.device.dtype)
        return {
            "naive_step": (longer - shorter) / (MORE - FEW),
            "naive_safety": clock.median_on_host(check),
            "naive_encode": clock.median_on_host(lambda: as_png(few.image, USUAL_LEVEL)),
        }


def _require_finite(tensor: torch.Tensor, name: str) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise AssertionError(f"{name} made NaN or infinity: its time would mean nothing")


def print_stage_a(stage: StageA) -> None:
    """The tables."""
    print(f"GEMM peak {stage.peak:.4g} TFLOP/s; a row of the UNet is {stage.row_tflop * 1000:.1f} GFLOP\n")
    print(f"{'rows':>5}{'eager ms':>11}{'graph ms':>11}{'compiled ms':>13}{'of the peak':>13}")
    for rows, eager in stage.eager.items():
        compiled = f"{stage.compiled[rows]:.2f}" if rows in stage.compiled else "-"
        print(f"{rows:>5}{eager:>11.2f}{stage.graph[rows]:>11.2f}{compiled:>13}{stage.share(rows):>12.1%}")
    print()
    for name, milliseconds in stage.parts.items():
        print(f"  {name:<18}{milliseconds:9.2f} ms")
