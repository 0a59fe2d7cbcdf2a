"""The audit records that submits and finishes write, so that the benchmark of the queue pays for them.

Like the verdicts of its jobs they carry no scores: how many there are is up to the models.
"""

from __future__ import annotations

from storage.also import Row
from storage.audit import Decision, Output, Pictures, PolicyId, Print, Prompts, Stage, Wording
from storage.audit_rows import audit_row
from storage.ids import new_id
from storage.job import NewJob
from tests.jobs import new_job

POLICY = PolicyId("bench", "1.0.0", "ab" * 32)
WORDS = Wording("a wooden bench beside the lake, autumn leaves, soft light", "blurry")
SEEN = Print("12" * 32, "34" * 32, 97)


def recorded_job(tenant_id: str) -> NewJob:
    """A new job with the record of what was decided on its prompt."""
    job_id, seen = new_id("job"), Pictures(SEEN, SEEN)
    decision = Decision(Stage.PROMPT, "allow", POLICY, prompts=Prompts(WORDS, WORDS, WORDS), pictures=seen)
    return new_job(tenant_id, id=job_id, also=(audit_row(job_id, decision),))


def result_record(job_id: str) -> Row:
    """The record of what was decided on a result."""
    made = Pictures(SEEN, SEEN, (Output(SEEN, "0a1b2c3d4", "07", "56" * 32),))
    return audit_row(job_id, Decision(Stage.RESULT, "allow", POLICY, pictures=made))
