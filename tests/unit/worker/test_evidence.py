"""What the audit record knows of a job: who reads it must be able to tell what was judged and what left."""

from __future__ import annotations

import hashlib
from typing import Any

from storage.audit_store import AuditStore
from storage.job import Job, JobState
from tests.unit.worker.workbench import CLEAN, Bench


def recorded(bench: Bench, job: Job) -> dict[str, Any]:
    """The one record that the worker wrote about `job`."""
    (record,) = AuditStore(bench.tools.database).of(job.id)
    return record.content


def test_a_released_result_is_on_record_with_what_it_was_made_of(bench: Bench) -> None:
    done = bench.run(num_images=2)
    content, picture, policy = recorded(bench, done), bench.objects.get(done.image_key), bench.tools.policy
    record, hashes = content["record"], content["hashes"]
    assert {name: record[name] for name in ("stage", "action", "actor", "automated", "policy")} == {
        "stage": "result",
        "action": "allow",
        "actor": "inpaintd",
        "automated": True,
        "policy": {"name": policy.name, "version": policy.version, "sha256": policy.sha256},
    }
    signals = {signal["name"]: signal for signal in record["signals"]}
    assert {"mask.area", "concepts.test_pattern@composite", "concepts.test_pattern@region"} <= signals.keys()
    assert signals["concepts.test_pattern@region"]["threshold"] is not None
    assert hashes["input"]["sha256"] == hashlib.sha256(picture).hexdigest()
    assert len(hashes["mask"]["pdq"]) == 64
    assert [made["picture"]["sha256"] for made in hashes["outputs"]] == [image.sha256 for image in done.images]
    assert [made["watermark_id"] for made in hashes["outputs"]] == [image.watermark_id for image in done.images]


def test_what_was_blocked_is_on_record_though_it_was_kept_nowhere(bench: Bench) -> None:
    bench.judge.answer = lambda: {**CLEAN, "concept_1": 0.2}
    blocked = bench.run()
    content = recorded(bench, blocked)
    assert blocked.state is JobState.BLOCKED
    assert content["record"]["action"] == "block"
    assert "result.sexual_content" in [finding["rule"] for finding in content["record"]["findings"]]
    (made,) = content["hashes"]["outputs"]
    assert (len(made["picture"]["pdq"]), made["watermark_id"]) == (64, None)


def test_a_job_that_broke_off_decided_nothing(bench: Bench) -> None:
    job = bench.store()
    bench.objects.delete(job.image_key)
    bench.execute(job)
    assert AuditStore(bench.tools.database).of(job.id) == []
