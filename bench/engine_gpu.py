"""The engine on a GPU: the full architecture of Stable Diffusion 1.5 inpainting with random weights, fp16, 512 pixels.

    python -m bench.engine_gpu --stage a --out FOLDER    # what each network takes; writes the table of step times
    python -m bench.engine_gpu --stage b --out FOLDER    # policies beside each other; reads what stage a wrote

Each runs unattended and is meant to end within ten minutes on one GPU; `--small` runs the same on a CPU with a small
architecture, whose figures mean nothing. Stage a times UNet calls of 1 to 64 rows eager, as CUDA graphs and, as long
as `--compile-seconds` last, compiled; then VAE, CLIP, safety checker, and a matrix product for the peak; by CUDA
events, medians of 20. Stage b fills a naive pipe() loop, one job at a time on the engine's networks, tuned static
batches and the engine; then plays the same Poisson arrivals at 0.5, 0.8 and 0.95 of the engine's rate to each, by
turns, twice; and takes the GPU's idle time from the intervals of its kernels. The table of a GPU that was measured
goes into bench/step_times, for bench.engine_goodput to read. Exits 1 when stage b misses a target.

Needs torch, transformers, diffusers, safetensors, numpy, pillow, pydantic and structlog, nothing else of the product's
dependencies, and no network. Where diffusers is missing and nothing can be fetched, these wheels are enough beside
torch and transformers: diffusers, importlib-metadata, zipp, pydantic, pydantic-core, annotated-types,
typing-inspection, structlog.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
import torch

from bench.engine_goodput import MIXED, TUNING_SEEDS, tune
from bench.goodput import Traces
from bench.gpu_clock import TIMES
from bench.gpu_stage_a import GEMM_SIDE, ROWS, Measurer, print_stage_a
from bench.gpu_stage_b import Contest, print_stage_b
from bench.sd15 import FULL, SMALL, random_model, row_tflop
from bench.targets import report
from worker.engine.devices import Device, pick_device
from worker.engine.simulated import StepTimes

SMALL_ROWS, SMALL_GEMM, TUNING_JOBS = (1, 2, 4, 8, 16, 32), 256, 150
FIGURES, TABLE = "engine-gpu-{}.json", "step-times.json"


def main() -> int:
    """The program."""
    chosen = _options().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    chosen.out.mkdir(parents=True, exist_ok=True)
    device = pick_device("cpu" if chosen.small else "cuda")
    print(f"{_name(device)}, torch {torch.__version__}", flush=True)
    return _stage_a(chosen, device) if chosen.stage == "a" else _stage_b(chosen, device)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stage", choices=("a", "b"), required=True)
    options.add_argument("--out", type=Path, required=True, help="folder of the figures and the table")
    options.add_argument("--small", action="store_true", help="a small architecture on the CPU")
    options.add_argument("--times", type=int, default=TIMES, help="runs whose median is taken, in stage a")
    options.add_argument("--compile-seconds", type=float, default=240, help="for compiling, in stage a")
    options.add_argument("--seconds", type=float, default=8, help="of each stretch of stage b")
    options.add_argument("--loads", type=float, nargs="+", default=[0.5, 0.8, 0.95], help="shares of the engine's rate")
    options.add_argument("--rounds", type=int, default=2, help="times that each load is played to each policy")
    options.add_argument("--compiled", action="store_true", help="stage b on a compiled UNet: minutes more")
    return options


def _stage_a(chosen: argparse.Namespace, device: Device) -> int:
    architecture, rows, side = (SMALL, SMALL_ROWS, SMALL_GEMM) if chosen.small else (FULL, ROWS, GEMM_SIDE)
    measurer = Measurer(random_model(architecture, device), rows, side, chosen.times)
    stage = measurer.measure(chosen.compile_seconds, row_tflop(architecture))
    print_stage_a(stage)
    times = stage.table(f"measured on {_name(device)}, {architecture.side} px, {device.dtype}, CUDA graphs")
    _keep(chosen.out / TABLE, asdict(times))
    _keep(chosen.out / FIGURES.format("a"), stage.as_json())
    return 0


def _stage_b(chosen: argparse.Namespace, device: Device) -> int:
    times = StepTimes.read(chosen.out / TABLE)
    before = json.loads((chosen.out / FIGURES.format("a")).read_text(encoding="utf-8"))
    model = random_model(SMALL if chosen.small else FULL, device)
    tuned = tune(Traces(times, MIXED, TUNING_JOBS, TUNING_SEEDS[:1]))
    stage = Contest(model, tuned, chosen.seconds, chosen.compiled).run(chosen.loads, chosen.rounds)
    print_stage_b(stage, before["row_tflop"], before["peak"])
    _keep(chosen.out / FIGURES.format("b"), stage.as_json())
    # What was promised was promised of the full architecture.
    return 0 if chosen.small else report(stage.against_targets())


def _keep(path: Path, figures: dict[str, Any]) -> None:
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _name(device: Device) -> str:
    return torch.cuda.get_device_name() if device.kind == "cuda" else "a CPU"


if __name__ == "__main__":
    sys.exit(main())
