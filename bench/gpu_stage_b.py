"""Stage B: policies on the same device, networks and arrivals, by turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from bench.engine_goodput import MIXED, Tuned
from bench.goodput import centile
from bench.gpu_idle import Idle, watch
from bench.gpu_play import Played, Rates, Saturation, play
from bench.gpu_policies import ContinuousServer, NaiveServer, StaticServer
from bench.gpu_probe import probe
from bench.gpu_server import CountingRunner, Server, Tail
from bench.targets import Row
from bench.traffic import poisson
from worker.engine.runner import warm_up
from worker.models import LoadedModel

DEPTH, MANY, PROBES = 40, 100, 5
CFG_STEPS, TO_NAIVE, IDLE, JOIN, CANCEL = 190.0, 4.0, 0.03, 2, 1
OURS, NAIVE = "continuous", "naive pipe() loop"


@dataclass(slots=True)
class StageB:
    """By policy: rates under an endless backlog, and under each load what was played in each round.

    `join` and `cancel` are what probe() found.
    """

    tuned: Tuned
    saturated: dict[str, Rates] = field(default_factory=dict)
    played: dict[tuple[float, str], list[Played]] = field(default_factory=dict)
    idle: Idle | None = None
    join: list[int] = field(default_factory=list)
    cancel: list[int] = field(default_factory=list)

    def against_targets(self) -> list[Row]:
        """What was promised of an H200 at 512 pixels in half precision."""
        ours, naive = self.saturated[OURS].cfg_steps, self.saturated[NAIVE].cfg_steps
        idle = [("GPU idle under backlog", self.idle.share, "<=", IDLE)] if self.idle else []
        return [
            ("CFG-steps/s", ours, ">=", CFG_STEPS),
            ("CFG-steps/s, continuous / naive loop", ours / naive if naive else 0.0, ">=", TO_NAIVE),
            *idle,
            ("UNet calls until a job has joined", max(self.join), "<=", JOIN),
            ("steps made after a cancel", max(self.cancel), "<=", CANCEL),
        ]

    def as_json(self) -> dict[str, Any]:
        """The figures, to be kept."""
        played = [{"load": load, "policy": name, "rounds": [asdict(each) for each in rounds]}
                  for (load, name), rounds in self.played.items()]  # fmt: skip
        return {**asdict(replace(self, played={})), "played": played}


class Contest:
    """All policies on one model. Times are for each stretch: seconds of arrivals, and of watching a full server."""

    def __init__(self, model: LoadedModel, tuned: Tuned, seconds: float, compiled: bool) -> None:
        self._runner = CountingRunner(model, compiled=compiled)
        self._side = model.native_size
        self._seconds = seconds
        self._tuned = tuned
        tail = Tail(model)
        self._open: dict[str, Callable[[], Server]] = {
            NAIVE: partial(NaiveServer, model),
            "one at a time": partial(StaticServer, self._runner, tail, 1, 0.0),
            "static batches": partial(StaticServer, self._runner, tail, tuned.size, tuned.window),
            OURS: partial(ContinuousServer, self._runner, tail, tuned.rows),
        }
        self._engine = partial(ContinuousServer, self._runner, tail, tuned.rows)

    def run(self, loads: Sequence[float], rounds: int) -> StageB:
        """Warm up, saturate each, look into the engine, and play each of `loads` to each, `rounds` times by turns."""
        stage = StageB(self._tuned)
        began = time.monotonic()
        warm_up(self._runner, max(self._tuned.rows, 2 * self._tuned.size))
        print(f"warm after {time.monotonic() - began:.0f} s", flush=True)
        for name in self._open:
            stage.saturated[name] = self._saturate(name)
            print(f"  {name}: {stage.saturated[name].images:.2f} images/s", flush=True)
        stage.idle = self._idle()
        server = self._engine()
        stage.join, stage.cancel = probe(server.engine, self._side, PROBES)
        server.close()
        self._play_all(stage, loads, rounds)
        return stage

    def _play_all(self, stage: StageB, loads: Sequence[float], rounds: int) -> None:
        jobs = poisson(MIXED, 1.0, MANY, 0)
        capacity = 2 * stage.saturated[OURS].cfg_steps / statistics.mean(job.steps * job.rows for job in jobs)
        for load in loads:
            for seed in range(rounds):
                count = max(1, round(load * capacity * self._seconds))
                arrivals = poisson(MIXED, load * capacity, count, seed)
                for name, opening in self._open.items():
                    made = play(opening(), arrivals, self._seconds)
                    stage.played.setdefault((load, name), []).append(made)

    def _saturate(self, name: str) -> Rates:
        server = self._open[name]()
        rates = Saturation(server, poisson(MIXED, 1.0, MANY, 0), DEPTH).rates(self._seconds / 4, self._seconds)
        server.close()
        return rates

    def _idle(self) -> Idle | None:
        server = self._engine()
        Saturation(server, poisson(MIXED, 1.0, MANY, 0), DEPTH)
        time.sleep(self._seconds / 4)
        idle = watch(self._seconds / 4, lambda: server.engine.steps_done)
        server.close()
        return idle


def print_stage_b(stage: StageB, row_tflop: float, peak: float) -> None:
    """The tables. `row_tflop` and `peak`, in TFLOP/s, are stage A's."""
    tuned, naive = stage.tuned, stage.saturated[NAIVE]
    print(f"tuned: static up to {tuned.size}, window {tuned.window * 1000:.0f} ms; continuous {tuned.rows} rows\n")
    print(f"endless backlog{'images/s':>17}{'CFG-steps/s':>13}{'x naive':>9}{'of the peak':>13}")
    for name, rates in stage.saturated.items():
        share = rates.cfg_steps * 2 * row_tflop / peak
        ratio = rates.cfg_steps / naive.cfg_steps if naive.cfg_steps else float("nan")
        print(f"  {name:<18}{rates.images:12.2f}{rates.cfg_steps:13.1f}{ratio:9.2f}{share:13.1%}")
    print(f"\narrivals{'load':>20}{'p50 s':>9}{'p95 s':>9}{'p99 s':>9}{'jobs':>7}{'unserved':>10}")
    for (load, name), rounds in stage.played.items():
        taken = [seconds for each in rounds for seconds in each.taken]
        figures = "".join(f"{centile(taken, percent):9.2f}" for percent in (50, 95, 99))
        print(f"  {name:<20}{load:6.2f}{figures}{len(taken):7}{sum(each.unserved for each in rounds):10}")
    print("\nGPU idle under backlog: ", end="")
    print(
        "no kernel was seen" if stage.idle is None else f"{stage.idle.share:.1%}, {stage.idle.gap:.2f} ms a UNet call"
    )
    print(
        f"UNet calls that ended from submit to the first one joined: {stage.join} (1: the next; 2: one was under way)"
    )
    print(f"steps made after a cancel: {stage.cancel}")
