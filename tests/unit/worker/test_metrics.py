"""What a worker process tells Prometheus."""

from __future__ import annotations

from prometheus_client import REGISTRY

from tests.unit.engine.fake_runner import FakeRunner
from tests.unit.engine.requests import request
from tests.unit.worker.workbench import CLEAN, Bench
from worker.engine.engine import Engine
from worker.metrics import EngineCollector
from worker.slots import Slots


def counted(name: str, **labels: str) -> float:
    """A sample of this process's registry; 0 where there is none yet."""
    return REGISTRY.get_sample_value(f"inpaintd_{name}", labels) or 0.0


def test_every_step_of_a_job_and_every_verdict_is_counted(bench: Bench) -> None:
    steps = ("load", "prepare", "check", "denoise", "mark", "save")

    def seen() -> dict[str, float]:
        times = {step: counted("step_seconds_count", model="default", step=step) for step in steps}
        stages = {stage: counted("safety_verdicts_total", stage=stage, action="allow") for stage in ("input", "result")}
        return {**times, **stages, "blocked": counted("safety_verdicts_total", stage="result", action="block")}

    before = seen()
    bench.run()
    bench.judge.answer = lambda: {**CLEAN, "concept_1": 0.3}
    bench.run()
    more = {name: count - before[name] for name, count in seen().items()}
    # The check is there for the input and for the result; what is blocked is neither marked nor saved.
    assert more == {
        **dict.fromkeys(("load", "prepare", "denoise", "input"), 2),
        "check": 4,
        **dict.fromkeys(("mark", "save", "result", "blocked"), 1),
    }


def test_an_attempt_that_ends_with_an_error_is_counted_by_code_and_consequence(bench: Bench) -> None:
    before = counted("job_errors_total", code="input_missing", then="fail")
    job = bench.store()
    bench.objects.delete(job.image_key)
    bench.execute(job)
    assert counted("job_errors_total", code="input_missing", then="fail") == before + 1


def test_occupancy_tells_rows_of_pictures_from_padding() -> None:
    engine = Engine(FakeRunner(), row_budget=16, padded=lambda rows: -(-rows // 4) * 4)
    for name in ("a", "b", "c"):
        engine.submit(request(name))
    while engine.turn():
        pass
    collector = EngineCollector(engine, Slots(lambda *_: [], lambda _: None, lambda: True, 3))  # type: ignore[arg-type,return-value]
    told = {sample.name: sample.value for metric in collector.collect() for sample in metric.samples}
    used, run, calls = (told[f"inpaintd_engine_{name}_total"] for name in ("rows_used", "rows_run", "unet_calls"))
    assert calls == engine.steps_done > 0
    assert used < run
    assert run % 4 == 0
    assert told["inpaintd_engine_row_budget"] == 16
    assert (told["inpaintd_worker_slots"], told["inpaintd_worker_slots_busy"]) == (3, 0)
    assert told["inpaintd_engine_busy_seconds_total"] > 0
