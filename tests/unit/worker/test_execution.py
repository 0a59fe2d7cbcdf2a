"""What becomes of a job at each turn of the road: real SQLite, object store, engine thread, policy and mark.

Only the networks are stand-ins: the runner paints grey, the classifier says what the test tells it.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from safety.credentials import read
from safety.fingerprint import Fingerprint, place
from safety.label_schema import Corner, Label
from safety.verdict import Action, Finding, Stage, Verdict
from safety.watermark import detect
from storage.case_store import CaseStore
from storage.errors import PromptTooLong
from storage.job import HeldAt, Job, JobState
from storage.mark_store import MarkStore
from storage.review_store import ReviewStore
from storage.strike import Strike
from storage.strike_store import StrikeStore
from tests.jobs import VERDICT, make_due
from tests.unit.images.samples import encoded
from tests.unit.worker.workbench import CLEAN, Bench, Judge, hook
from worker import judgement
from worker.errors import DeviceLost, NumericalFailure, OutOfMemory
from worker.execution import Execution
from worker.outcomes import MAX_ERRORS
from worker.stop import StopReason
from worker.tools import ServedModel


def test_a_clean_result_is_marked_stored_and_visible(bench: Bench) -> None:
    done = bench.run(num_images=2)
    assert done.state is JobState.SUCCEEDED
    assert bench.made() == sorted(image.key for image in done.images)
    assert all(key.startswith(f"results/{done.id}/1-") for key in bench.made())
    assert done.receipt["untouched"]["checked"]
    assert done.safety["signals"]


@pytest.mark.parametrize("pattern", [-0.2, 0.3])
def test_the_mark_of_every_stored_result_is_on_record_with_its_credentials(bench: Bench, pattern: float) -> None:
    bench.judge.answer = lambda: {**CLEAN, "test_pattern": pattern}
    done = bench.run(num_images=2)
    marks = MarkStore(bench.tools.database)
    for image in done.images:
        (known,) = marks.find(image.watermark_id)
        assert (known.tenant_id, known.job_id, known.record.image_index) == (done.tenant_id, done.id, image.index)
        assert known.model == done.model
        assert (known.record.width, known.record.height) == (image.width, image.height)
        manifest = bench.objects.get(known.record.manifest_key)
        assert hashlib.sha256(manifest).hexdigest() == known.record.manifest_sha256
        made, anchors = bench.objects.get(image.key), bench.tools.authority.root_pem
        assert read(made, "image/png", anchors, manifest) == read(made, "image/png", anchors)
        kept = Fingerprint.from_dict(known.record.fingerprint)
        found = place(Image.open(BytesIO(made)), kept, (image.width, image.height), [1.0])
        assert found is not None
        assert found.fits


def test_a_label_that_the_policy_wants_is_drawn_before_the_mark_and_stands_in_the_receipt(bench: Bench) -> None:
    plain = bench.run(seed=3)
    marking = bench.tools.policy.marking.model_copy(update={"label": Label(text="AI", corner=Corner.TOP_LEFT)})
    bench.tools = replace(bench.tools, policy=replace(bench.tools.policy, marking=marking))
    done = bench.run(seed=3)
    assert "label" not in plain.receipt
    left, top, right, bottom = done.receipt["label"]["box"]
    # What lies under it was untouched until then: the receipt speaks of the composite.
    assert done.receipt["untouched"] == plain.receipt["untouched"]
    before, after = (np.asarray(Image.open(BytesIO(bench.objects.get(job.images[0].key)))) for job in (plain, done))
    assert after[top:bottom, left:right].min() < 40
    assert after[top:bottom, left:right].max() > 200
    rest = np.abs(after.astype(int) - before)
    rest[top:bottom, left:right] = 0
    assert rest.mean() < 10  # the two marks differ, nothing else
    found = detect(Image.fromarray(after), bench.tools.mark_keys)
    assert found is not None
    assert found.id == done.images[0].watermark_id


@pytest.mark.parametrize("keep", [True, False])
def test_the_inputs_metadata_leave_only_if_asked_for(bench: Bench, keep: bool) -> None:
    job = bench.store(output={"keep_metadata": keep})
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    photo = Image.open(BytesIO(bench.objects.get(job.image_key)))
    bench.objects.put(job.image_key, encoded(photo, exif=exif), "image/png")
    bench.execute(job)
    with Image.open(BytesIO(bench.objects.get(bench.row(job).images[0].key))) as made:
        assert made.getexif().get(ExifTags.Base.Make) == ("Camera" if keep else None)


def raising() -> dict[str, float]:
    raise RuntimeError("weights are gone")


@pytest.mark.parametrize("answer", [raising, lambda: {"test_pattern": math.nan}, dict])
def test_a_result_that_could_not_be_checked_waits_for_a_person(bench: Bench, answer: Callable[[], Any]) -> None:
    bench.judge.answer = answer
    held = bench.run()
    assert held.state is JobState.HELD
    assert "signal.failed.concepts" in [finding["rule"] for finding in held.safety["findings"]]
    assert all(key.startswith("quarantine/") for key in bench.made())


def test_without_its_classifier_nothing_is_released(bench: Bench) -> None:
    unjudged = replace(bench.tools.models["default"], classifiers=[])
    bench.tools = replace(bench.tools, models={"default": unjudged})
    assert bench.run().state is JobState.HELD


def test_a_picture_is_checked_and_named_by_the_model_that_made_it(bench: Bench) -> None:
    stern = Judge()
    stern.answer = lambda: {**CLEAN, "test_pattern": 0.3}
    identity = {"alias": "photo", "name": "another", "sha256": "1" * 64}
    bench.tools = replace(bench.tools, models={**bench.tools.models, "photo": ServedModel(identity, [stern])})
    done, held = bench.run(), bench.run(model="photo")
    assert (done.state, held.state) == (JobState.SUCCEEDED, JobState.HELD)
    assert (done.model["name"], held.model) == ("grey", identity)
    stated = read(bench.objects.get(held.images[0].key), "image/png", bench.tools.authority.root_pem)
    assert stated is not None
    assert stated.model == "another"


def test_the_test_pattern_is_held_with_its_rule(bench: Bench) -> None:
    bench.judge.answer = lambda: {**CLEAN, "test_pattern": 0.3}
    held = bench.run()
    assert held.state is JobState.HELD
    assert "result.test_pattern" in [finding["rule"] for finding in held.safety["findings"]]
    (case,) = CaseStore(bench.tools.database).of_job(held.id)
    assert (case.kind, case.held_at, case.category, case.severity) == ("held", "result", "test_pattern", 2)


def test_a_blocked_result_is_kept_nowhere(bench: Bench) -> None:
    bench.judge.answer = lambda: {**CLEAN, "concept_1": 0.3}
    blocked = bench.run()
    assert blocked.state is JobState.BLOCKED
    assert (blocked.images, bench.made()) == ((), [])


@pytest.mark.parametrize(
    ("stage", "error", "code"),
    [
        ("finish", NumericalFailure("NaN"), "numerical_failure"),
        ("begin", PromptTooLong("prompt", 100, 75), "prompt_too_long"),
    ],
)
def test_errors_that_a_retry_cannot_mend_fail_at_once(bench: Bench, stage: str, error: Exception, code: str) -> None:
    job = bench.store()
    bench.runner.failures[stage, f"{job.id}.1.0"] = error
    bench.execute(job)
    failed = bench.row(job)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.retryable) == (code, False)
    assert bench.made() == []


def test_a_mark_that_cannot_be_read_back_is_a_failure_not_a_release(bench: Bench) -> None:
    failed = bench.run(output={"format": "jpeg", "quality": 1})
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.code == "mark_failed"
    assert bench.made() == []


def test_errors_of_the_machine_are_tried_again_and_fail_in_the_end(bench: Bench) -> None:
    job = bench.store()
    for attempt in range(1, MAX_ERRORS + 1):
        bench.runner.failures["predict", f"{job.id}.{attempt}.0"] = OutOfMemory("full")
        bench.execute(job)
        assert bench.row(job).error_count == min(attempt, MAX_ERRORS - 1)
        if attempt < MAX_ERRORS:
            make_due(bench.tools.database, job)
            job = bench.desk.claim_one()
    failed = bench.row(job)
    assert failed.error is not None
    assert (failed.state, failed.error.code, failed.error.retryable) == (JobState.FAILED, "out_of_memory", True)


def test_a_missing_input_is_named(bench: Bench) -> None:
    job = bench.store()
    bench.objects.delete(job.image_key)
    bench.execute(job)
    error = bench.row(job).error
    assert error is not None
    assert error.code == "input_missing"


def test_a_worker_that_lost_the_job_removes_its_image(bench: Bench) -> None:
    job = bench.store()
    stale = replace(job, attempt=job.attempt - 1)
    bench.execute(stale)
    assert bench.row(job).state is JobState.RUNNING
    assert bench.made() == []


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (StopReason.CANCEL, JobState.CANCELED),
        (StopReason.EXPIRE, JobState.EXPIRED),
        (StopReason.DRAIN, JobState.QUEUED),
        (StopReason.LOST, JobState.RUNNING),
    ],
)
def test_a_stop_takes_effect_within_one_step(bench: Bench, reason: StopReason, state: JobState) -> None:
    job = bench.store(steps=150, num_images=2)
    execution = Execution(job, bench.tools, bench.heartbeat)
    bench.runner.gate.clear()
    thread = threading.Thread(target=execution.run)
    thread.start()
    assert bench.runner.entered.wait(10)
    execution.stop(reason)
    bench.runner.gate.set()
    thread.join(10)
    row = bench.row(job)
    assert (row.state, row.error_count, row.crash_count) == (state, 0, 0)
    assert len(bench.runner.batches) <= 2
    assert (bench.runner.decoded, bench.made()) == ([], [])


@pytest.mark.parametrize(("place", "steps"), [("load", 0), ("check result", 6), ("save first", 6), ("save last", 6)])
def test_a_cancel_is_heeded_in_every_state(bench: Bench, place: str, steps: int) -> None:
    job = bench.store(num_images=2, steps=3)
    execution, calls = Execution(job, bench.tools, bench.heartbeat), itertools.count()
    target, name, at = {
        "load": (bench.objects, "get", 0),
        "check result": (bench.judge, "scores", 0),
        "save first": (bench.objects, "put", 0),
        "save last": (bench.objects, "put", 1),
    }[place]
    hook(target, name, lambda: execution.stop(StopReason.CANCEL) if next(calls) == at else None)
    execution.run()
    row = bench.row(job)
    assert (row.state, row.images, bench.made()) == (JobState.CANCELED, (), [])
    assert row.receipt["actual_steps"] == steps // 2


def test_the_record_of_a_canceled_job_says_what_was_spent_and_saved(bench: Bench) -> None:
    job = bench.store(steps=100)
    execution = Execution(job, bench.tools, bench.heartbeat)
    advanced = itertools.count(1)
    hook(bench.runner, "predict", lambda: time.sleep(0.005))
    hook(bench.runner, "advance", lambda: execution.stop(StopReason.CANCEL) if next(advanced) == 10 else None)
    execution.run()
    receipt = bench.row(job).receipt
    assert receipt["actual_steps"] == 10
    assert receipt["denoise_seconds"] >= 10 * 0.005
    assert receipt["saved_seconds"] == pytest.approx(9 * receipt["denoise_seconds"], abs=0.001)


def test_a_cancel_leaves_those_who_share_the_batch_alone(bench: Bench) -> None:
    job, other = bench.store(steps=50, num_images=3), bench.store(steps=50)
    execution = Execution(job, bench.tools, bench.heartbeat)
    bench.runner.gate.clear()
    threads = [threading.Thread(target=run) for run in (execution.run, lambda: bench.execute(other))]
    for thread in threads:
        thread.start()
    assert bench.runner.entered.wait(10)
    execution.stop(StopReason.CANCEL)
    seen = len(bench.runner.batches)
    bench.runner.gate.set()
    for thread in threads:
        thread.join(20)
    late = bench.runner.batches[seen + 1 :]
    assert late
    assert not any(name.startswith(job.id) for batch in late for name in batch), "one step at most after the cancel"
    assert (bench.row(job).state, bench.row(other).state) == (JobState.CANCELED, JobState.SUCCEEDED)


def test_a_job_whose_cancel_came_to_a_dead_worker_is_not_denoised(bench: Bench) -> None:
    job = bench.store()
    bench.desk.jobs.cancel(job.id, job.tenant_id)
    bench.execute(bench.row(job))
    assert (bench.row(job).state, bench.runner.batches) == (JobState.CANCELED, [])


def test_a_job_that_was_let_go_is_free_at_once_and_its_late_result_is_void(bench: Bench) -> None:
    job = bench.store()
    execution = Execution(job, bench.tools, bench.heartbeat)
    hook(bench.objects, "put", execution.let_go)
    execution.run()
    row = bench.row(job)
    assert (row.state, row.crash_count, row.error_count, bench.made()) == (JobState.QUEUED, 0, 0, [])


def test_a_job_that_lost_its_device_runs_alone_next(bench: Bench) -> None:
    job = bench.store()
    bench.runner.failures["predict", f"{job.id}.1.0"] = DeviceLost("gone")
    bench.execute(job)
    row = bench.row(job)
    assert (row.state, row.error_count, row.crash_count, row.solo) == (JobState.QUEUED, 0, 1, True)
    assert not bench.tools.engine.alive


def test_the_verdict_on_the_prompt_stays_on_record(bench: Bench) -> None:
    job = bench.store()
    asked = {"rule": "prompt.note", "category": "other", "severity": 2, "stage": "request", "detail": "Noted.",
             "span": [0, 4], "action": "label"}  # fmt: skip
    bench.execute(replace(job, safety={**VERDICT, "action": "label", "findings": [asked]}))
    assert bench.row(job).safety["findings"][0]["rule"] == "prompt.note"


def finding(action: Action) -> Verdict:
    """What a check of the input might say."""
    return Verdict.of("p@1.0.0", [Finding("input.likeness", "impersonation", 4, Stage.REQUEST, action, "A face.")])


def test_what_a_person_let_pass_does_not_hold_the_job_again_but_a_block_stands(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "check_input", lambda *_: finding(Action.REVIEW))
    held = bench.run()
    assert (held.state, held.held_at) == (JobState.HELD, HeldAt.REQUEST)
    verdict = Verdict.from_dict(held.safety)
    passed = verdict.waiving(verdict.waivable).audit_dict()
    assert ReviewStore(bench.tools.database).approve(held, safety=passed)
    (again,) = bench.desk.claim()
    bench.execute(again)
    done = bench.row(again)
    assert (done.state, done.safety["action"]) == (JobState.SUCCEEDED, "allow")
    assert [found["rule"] for found in done.safety["findings"]] == ["input.likeness", "notice.factuality"]

    monkeypatch.setattr(judgement, "check_input", lambda *_: finding(Action.BLOCK))
    blocked = bench.store()
    bench.execute(replace(blocked, safety=passed))
    assert bench.row(blocked).state is JobState.BLOCKED


def strikes_of(bench: Bench, job: Job) -> list[Strike]:
    return StrikeStore(bench.tools.database).page(job.tenant_id, None, 10)


def test_a_result_that_is_blocked_earns_one_strike_in_the_commit_that_blocks_it(bench: Bench) -> None:
    bench.judge.answer = lambda: {**CLEAN, "concept_1": 0.5}
    job = bench.store()
    bench.execute(job)
    bench.execute(job)  # as a worker that comes back late
    (strike,) = strikes_of(bench, job)
    assert (strike.job_id, strike.cause, strike.rule) == (job.id, "result", "result.sexual_content")
    assert strike.weight == 0.5, "half of what asking for it would weigh"


@pytest.mark.parametrize("answer", [lambda: CLEAN, lambda: {**CLEAN, "test_pattern": 0.3}, raising, dict])
def test_what_is_not_blocked_earns_none(bench: Bench, answer: Callable[[], Any]) -> None:
    bench.judge.answer = answer
    assert strikes_of(bench, bench.run()) == []
