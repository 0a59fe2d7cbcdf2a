"""docs/scale.md says what bench/scale.py reckons, and that starts from figures of the README."""

from __future__ import annotations

from bench import scale
from tests.unit.test_house import ROOT
from worker.engine.simulated import StepTimes
from worker.plan.mix import Mix
from worker.plan.plan import Load

PAGE, README = (ROOT / "docs/scale.md").read_text(), (ROOT / "README.md").read_text()


def test_the_page_has_the_tables_as_they_are_reckoned() -> None:
    for line in scale.lines():
        assert line in PAGE


def test_what_is_full_first_stands_first() -> None:
    parts = scale.parts()
    assert [part.jobs for part in parts] == sorted(part.jobs for part in parts)
    needed = {part.name: part.needed for part in parts}
    assert needed["webhooks: one keeper"] == scale.BUSY / 160 / 0.6


def test_so_many_gpus_keep_the_promise_in_other_runs() -> None:
    mix, times = Mix.read(ROOT / "bench/mixes/edits.json"), StepTimes.read(ROOT / "bench/step_times/model.json")
    load = Load(3 * scale.JOBS_A_DAY / scale.DAY, mix, times, p95_seconds=5.0, row_budget=16, jobs=200)
    assert load.on(scale.GPUS_AT_PEAK, seeds=(101, 102)).p95 <= 5.0


def test_the_measured_figures_are_those_of_the_readme() -> None:
    for figure in ("2,226 to 3,053 jobs a second", "2.79x", "2.09x with the audit records", "in 5.2 s (limit 6)"):
        assert figure in README
