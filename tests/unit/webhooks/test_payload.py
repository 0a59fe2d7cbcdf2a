"""What a webhook says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from producer.api.views import job_view
from producer.webhooks.payload import MAX_BYTES, job_payload
from safety.statement import Statement, stated
from storage.job import Job, JobState, Priority, ResultImage
from storage.params import MAX_PROMPT_CHARS, InpaintParams

AT = datetime(2026, 11, 22, 12, 0, 0, 5000, tzinfo=UTC)
FINDING = {"rule": "r", "category": "c", "severity": 4, "stage": "request", "detail": "d" * 500, "span": [0, 4]}


def job(**changes: Any) -> Job:
    params = InpaintParams(prompt="a red circle").resolved(native_size=128, seed=7)
    values: dict[str, Any] = dict.fromkeys(Job.__slots__)
    values |= {
        "id": "job_1",
        "tenant_id": "tnt_1",
        "state": JobState.SUCCEEDED,
        "attempt": 1,
        "crash_count": 0,
        "error_count": 0,
        "priority": Priority.STANDARD,
        "params": params,
        "model": {"alias": "default", "name": "test", "sha256": None},
        "image_key": "inputs/secret",
        "mask_key": "inputs/secret-mask",
        "step": 30,
        "steps": 30,
        "safety": {"action": "allow", "policy": "p@1", "findings": []},
        "receipt": {"actual_steps": 30},
        "images": (ResultImage(0, "results/secret", "0" * 64, 8, 8, "image/png", 7, "abc"),),
        "metadata": {"order": 5},
        "created_at": AT,
    }
    return Job(**{**values, **changes})


def test_it_is_the_job_as_the_api_shows_it() -> None:
    text = job_payload("job.succeeded", AT, job())
    said = json.loads(text)
    assert set(said) == {"type", "timestamp", "data"}
    assert (said["type"], said["timestamp"]) == ("job.succeeded", "2026-11-22T12:00:00.005Z")
    assert said["data"] == job_view(job(), None).model_dump(mode="json")
    assert "secret" not in text


def test_a_refusal_brings_its_statement_of_reasons_however_much_was_found() -> None:
    made = Statement("refused", "r", "c", ("d" * 500,), "policy", "p@1", AT)
    safety = stated({"action": "block", "policy": "p@1", "findings": [FINDING] * 200}, made)
    said = json.loads(job_payload("job.blocked", AT, job(state=JobState.BLOCKED, images=(), safety=safety)))
    assert said["data"]["safety"]["statement"]["text"] == made.text
    assert "safety.findings" in said["data"]["shortened"]


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    negative=st.integers(0, MAX_PROMPT_CHARS),
    findings=st.integers(0, 200),
    receipt=st.integers(0, 30_000),
)
def test_it_stays_small_whatever_the_job_holds(prompt: str, negative: int, findings: int, receipt: int) -> None:
    params = job().params.model_copy(
        update={"prompt": (prompt * 100)[:MAX_PROMPT_CHARS], "negative_prompt": "\U0001f600" * negative}
    )
    large = job(
        params=params,
        safety={"action": "allow", "policy": "p@1", "findings": [FINDING] * findings},
        receipt={"text": "x" * receipt},
    )
    text = job_payload("job.succeeded", AT, large)
    assert len(text.encode()) < MAX_BYTES
    assert json.loads(text)["data"]["links"]["self"] == "/v1/jobs/job_1"


def test_what_was_shortened_is_told_and_no_more_is_than_must_be() -> None:
    large = replace(job(), receipt={"text": "x" * 30_000})
    data = json.loads(job_payload("job.succeeded", AT, large))["data"]
    assert data["shortened"] == ["metadata", "receipt"]
    assert (data["metadata"], data["receipt"]) == ({}, {})
    assert data["params"]["prompt"] == "a red circle"
