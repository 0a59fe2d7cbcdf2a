"""A job at its beginning: the row that it becomes, and the Job that a reader of that row would see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storage.formats import WRITES
from storage.job import Job, JobState, NewJob


def row_of(new: NewJob, fair_key: float, now: datetime) -> dict[str, Any]:
    """The row of `jobs` for `new`, with its finish tag; `now` is the database's time."""
    return {
        "id": new.id,
        "tenant_id": new.tenant_id,
        "state": new.state,
        "held_at": new.held_at,
        "priority": new.priority,
        "cost": new.cost,
        "fair_key": fair_key,
        "model_alias": new.params.model,
        "model": new.model,
        "not_before": now,
        "created_at": now,
        "deadline_at": _deadline(new, now),
        "finished_at": _finished(new, now),
        "steps": new.params.actual_steps,
        "params": new.params.model_dump(mode="json"),
        "image_key": new.image_key,
        "mask_key": new.mask_key,
        "safety": new.safety,
        "receipt": {},
        "images": [],
        "user": new.user,
        "metadata": new.metadata,
        "batch": new.batch,
        "webhook_id": new.webhook_id,
        "fingerprint": new.fingerprint,
        "imprint": new.imprint,
        "line": new.line,
        "custom_id": new.custom_id,
        "replaces": new.replaces,
        "format": WRITES,
        "trace": new.trace,
    }


def stored(new: NewJob, now: datetime) -> Job:
    """What `storage.rows.job_of` makes of that row, without reading it back."""
    return Job(
        id=new.id,
        tenant_id=new.tenant_id,
        state=new.state,
        held_at=new.held_at,
        attempt=0,
        crash_count=0,
        error_count=0,
        solo=False,
        priority=new.priority,
        params=new.params,
        model=new.model,
        image_key=new.image_key,
        mask_key=new.mask_key,
        step=0,
        steps=new.params.actual_steps,
        safety=new.safety,
        receipt={},
        error=None,
        images=(),
        user=new.user,
        metadata=new.metadata,
        batch=new.batch,
        cancel_requested=False,
        created_at=now,
        started_at=None,
        finished_at=_finished(new, now),
        deadline_at=_deadline(new, now),
        erase_asked_at=None,
        erased_at=None,
        imprint=new.imprint,
        line=new.line,
        custom_id=new.custom_id,
        replaces=new.replaces,
        trace=new.trace,
    )


def _finished(new: NewJob, now: datetime) -> datetime | None:
    return now if new.state is JobState.BLOCKED else None


def _deadline(new: NewJob, now: datetime) -> datetime | None:
    return None if new.deadline_seconds is None else now + timedelta(seconds=new.deadline_seconds)
