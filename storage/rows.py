"""Between rows of the jobs table and the Job that the rest of the house speaks of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from storage.job import HeldAt, Job, JobError, JobEvent, JobState, Priority, ResultImage
from storage.params import InpaintParams


def job_of(row: Row[Any]) -> Job:
    """The Job in a row of `jobs`."""
    return Job(
        id=row.id,
        tenant_id=row.tenant_id,
        state=JobState(row.state),
        held_at=HeldAt(row.held_at) if row.held_at else None,
        attempt=row.attempt,
        crash_count=row.crash_count,
        error_count=row.error_count,
        solo=row.solo,
        priority=Priority(row.priority),
        params=InpaintParams.stored(row.params),
        model=row.model,
        image_key=row.image_key,
        mask_key=row.mask_key,
        step=row.step,
        steps=row.steps,
        safety=row.safety,
        receipt=row.receipt,
        error=JobError(**row.error) if row.error else None,
        images=tuple(ResultImage(**image) for image in row.images),
        user=row.user,
        metadata=row.metadata,
        batch=row.batch,
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        deadline_at=row.deadline_at,
        erase_asked_at=row.erase_asked_at,
        erased_at=row.erased_at,
        inputs_erased_at=row.inputs_erased_at,
        results_erased_at=row.results_erased_at,
        imprint=row.imprint,
        withdrawn_at=row.withdrawn_at,
        replaces=row.replaces,
        line=row.line,
        custom_id=row.custom_id,
        trace=row.trace,
    )


def event_of(row: Row[Any]) -> JobEvent:
    """The JobEvent in a row of `job_events`."""
    return JobEvent(**{name: getattr(row, name) for name in JobEvent.__slots__})
