"""`inpaintd plan`: what it promises holds under other arrivals, and it needs no more than it has to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from storage.params import InpaintParams
from tests.unit.test_house import ROOT
from worker.engine.simulated import StepTimes
from worker.errors import PlanImpossible
from worker.plan.__main__ import main
from worker.plan.mix import MAX_IMAGES, MAX_STEPS, Mix, arrivals
from worker.plan.plan import Load, Plan, plan

TABLE, MIX = ROOT / "bench/step_times/model.json", ROOT / "bench/mixes/edits.json"
OTHER_SEEDS = range(101, 105)


@pytest.fixture(scope="module")
def load() -> Load:
    """Twenty jobs a second, 95 of 100 within three seconds."""
    return Load(20.0, Mix.read(MIX), StepTimes.read(TABLE), p95_seconds=3.0, row_budget=16, jobs=100)


@pytest.fixture(scope="module")
def once(load: Load) -> Plan:
    """What it needs."""
    return plan(load)


def test_the_promise_holds_under_other_arrivals_and_one_gpu_less_breaks_it(load: Load, once: Plan) -> None:
    again = load.on(once.gpus, OTHER_SEEDS)
    assert again.p95 <= load.p95_seconds
    assert again.expired + again.refused <= 0.01
    assert again.utilisation == pytest.approx(once.expected.utilisation, abs=0.05)
    assert not load.on(once.gpus - 1).keeps(load.p95_seconds)


def test_twice_the_rate_needs_about_twice_the_gpus_at_the_same_cost(load: Load, once: Plan) -> None:
    twice = plan(replace(load, rate=2 * load.rate))
    assert twice.gpus == pytest.approx(2 * once.gpus, abs=1)
    assert twice.cost_per_thousand(2.5) == pytest.approx(once.cost_per_thousand(2.5), rel=0.1)
    images = load.rate * load.mix.images
    assert once.cost_per_thousand(3.6) == pytest.approx(once.gpus / images), "a GPU second costs 0.001"


def test_jobs_beyond_what_may_wait_are_refused_and_late_ones_expire(load: Load) -> None:
    short = Mix.model_validate({"jobs": [{"share": 1, "deadline_seconds": 3}], "max_waiting": 10})
    crowded = replace(load, mix=short).on(1)
    assert crowded.refused > 0.2
    patient = replace(load, mix=short.model_copy(update={"max_waiting": None})).on(1)
    assert patient.refused == 0
    assert patient.expired > 0.2


def test_arrivals_are_as_asked() -> None:
    mix = Mix.model_validate({"jobs": [{"share": 3, "steps": [5, 9], "guided": 0}, {"share": 1, "images": 4}]})
    drawn = arrivals(mix, 2.0, 4000, seed=1)
    assert drawn[-1].at == pytest.approx(2000, rel=0.1)
    many = [job for job in drawn if job.images == 4]
    assert len(many) == pytest.approx(1000, rel=0.1)
    assert {job.steps for job in drawn if job.images == 1} == {5, 6, 7, 8, 9}
    assert mix.images == 1.75


def command(*changes: str) -> list[str]:
    return ["--rate", "40/s", "--mix", str(MIX), "--table", str(TABLE), "--p95", "3", *changes]


def test_the_command_says_it_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command("--rate", "1/s", "--gpu-hour", "2.5")) == 0
    text = capsys.readouterr().out
    for word in ("GPUs", "p95", "utilisation", "expired, refused", "1,000 images", "a model, not a measurement"):
        assert word in text
    assert main(command("--rate", "86400/day", "--gpu-hour", "2.5", "--json")) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert f"{shown['gpus']}" in text.splitlines()[0]
    assert shown["rate_per_second"] == 1.0
    assert shown["simulated"] is True
    assert shown["cost_per_thousand"] == pytest.approx(shown["gpus"] * 2.5 / (shown["images_per_second"] * 3.6))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--p95", "0.1"], "Allow more time by --p95"),
        (["--mix", "/nowhere"], "/nowhere cannot be read: No such file"),
        (["--mix", str(TABLE)], "jobs: Field required"),
        (["--table", str(MIX)], "is no table of step times"),
        (["--table", str(ROOT / "README.md")], "is no table of step times"),
        (["--mix", str(ROOT / "README.md")], "holds no JSON"),
        (["--row-budget", "65"], "between 2 and 64"),
    ],
)
def test_what_cannot_be_planned_is_a_sentence(
    changes: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(*changes)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["5", "0/s", "-1/s", "1/week", "1.2.3/s"])
def test_a_rate_is_a_number_in_a_time(rate: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(command("--rate", rate))


def test_a_mix_that_makes_no_sense_names_the_field(tmp_path: Path) -> None:
    file = tmp_path / "mix.json"
    file.write_text('{"jobs": [{"share": 1, "steps": [30, 20]}]}')
    with pytest.raises(PlanImpossible, match=r"jobs\.0: .*the smaller first"):
        Mix.read(file)


def test_the_bounds_of_a_mix_are_those_of_a_request() -> None:
    InpaintParams(prompt="", steps=MAX_STEPS, num_images=MAX_IMAGES)
    for beyond in ({"steps": MAX_STEPS + 1}, {"num_images": MAX_IMAGES + 1}):
        with pytest.raises(ValidationError):
            InpaintParams.model_validate({"prompt": "", **beyond})
