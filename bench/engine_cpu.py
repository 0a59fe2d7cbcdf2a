"""The engine beside a loop around diffusers' pipeline, on the pocket model and the CPU: eight jobs that wait.

    python -m bench.engine_cpu [--rounds 3] [--threads 1]

The same networks, sizes, prompts, steps, guidance and seeds on the same threads, neither with a safety check or an
encoder, by turns in one process. Prints throughput, UNet calls an image and how far the pictures of the two differ.
Exits 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import structlog
import torch

from bench.naive_loop import naive_pipeline, paint_alone
from bench.paint_requests import paint_request
from bench.targets import report
from worker.engine.devices import pick_device
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest, Pixels
from worker.engine.runner import DiffusersRunner
from worker.models import LoadedModel, load_model

JOBS = ((20, True), (24, True), (28, False), (30, True), (35, True), (40, False), (45, True), (50, True))
"""Steps, and whether there is guidance."""
RATIO, CALLS_RATIO = 1.5, 0.25
Paint = Callable[[Sequence[InpaintRequest]], list[Pixels]]


def by_engine(model: LoadedModel) -> Paint:
    """All requests wait when the engine starts."""

    def paint(requests: Sequence[InpaintRequest]) -> list[Pixels]:
        engine = Engine(DiffusersRunner(model))
        futures = [engine.submit(request) for request in requests]
        engine.start()
        pictures = [future.result().pixels for future in futures]
        engine.close()
        return pictures

    return paint


def by_loop(model: LoadedModel) -> Paint:
    """One after the other."""
    pipeline = naive_pipeline(model)
    return lambda requests: [paint_alone(pipeline, request) for request in requests]


class Meter:
    """Seconds and UNet calls of each turn of one contestant."""

    def __init__(self, paint: Paint, unet: Any) -> None:
        self._paint = paint
        self._unet = unet
        self._counting = 0
        self.seconds: list[float] = []
        self.calls = 0
        self.pictures: list[Pixels] = []

    def turn(self, requests: Sequence[InpaintRequest]) -> None:
        """Paint all `requests` once."""
        self.calls = 0
        handle = self._unet.register_forward_hook(self._count)
        began = time.perf_counter()
        self.pictures = self._paint(requests)
        self.seconds.append(time.perf_counter() - began)
        handle.remove()

    def _count(self, *_: Any) -> None:
        self.calls += 1


def measure(model: LoadedModel, requests: Sequence[InpaintRequest], rounds: int) -> tuple[Meter, Meter]:
    """Engine and loop by turns, after one job each to warm up."""
    meters = Meter(by_engine(model), model.unet), Meter(by_loop(model), model.unet)
    for meter in meters:
        meter.turn(requests[:1])
        meter.seconds.clear()
    for _ in range(rounds):
        for meter in meters:
            meter.turn(requests)
    return meters


def difference(ours: Sequence[Pixels], theirs: Sequence[Pixels]) -> int:
    """The largest difference of two values of the same pixel, of 255."""
    return max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(ours, theirs, strict=True))


def main() -> int:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--threads", type=int, default=1, help="of torch; with two, both were slower where it was tried"
    )
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    model = load_model("pocket", pick_device("cpu"))
    requests = [paint_request(number, model.native_size, *job) for number, job in enumerate(JOBS)]
    ours, theirs = measure(model, requests, chosen.rounds)
    print(f"{len(JOBS)} jobs of {JOBS[0][0]} to {JOBS[-1][0]} steps wait; {torch.get_num_threads()} threads of torch")
    for name, meter in (("engine", ours), ("pipeline loop", theirs)):
        rounds = ", ".join(f"{len(JOBS) / seconds:.2f}" for seconds in meter.seconds)
        print(f"  {name:<14} {rounds} images/s; {meter.calls / len(JOBS):.1f} UNet calls an image")
    print(f"  the pictures differ by {difference(ours.pictures, theirs.pictures)} of 255 at most")
    ratio = statistics.median(theirs.seconds) / statistics.median(ours.seconds)
    return report(
        [
            ("throughput, engine / loop", ratio, ">=", RATIO),
            ("UNet calls an image, engine / loop", ours.calls / theirs.calls, "<=", CALLS_RATIO),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
