"""Jobs as they are read, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from storage.ids import new_id
from storage.job import Job, JobState, Priority
from storage.params import InpaintParams

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALLOWED: dict[str, Any] = {"action": "allow", "policy": "p@1", "findings": [], "signals": []}


def made_job(**changes: Any) -> Job:
    """A queued job with `changes`."""
    params = changes.get("params") or InpaintParams(prompt="a red circle").resolved(native_size=128, seed=7)
    values: dict[str, Any] = {
        "id": new_id("job"),
        "tenant_id": "tnt_1",
        "state": JobState.QUEUED,
        "held_at": None,
        "attempt": 0,
        "crash_count": 0,
        "error_count": 0,
        "solo": False,
        "priority": Priority.STANDARD,
        "params": params,
        "model": {"alias": "default", "name": "test", "sha256": None},
        "image_key": "inputs/t/image",
        "mask_key": "inputs/t/mask",
        "step": 0,
        "steps": 30,
        "safety": ALLOWED,
        "receipt": {},
        "error": None,
        "images": (),
        "user": None,
        "metadata": {},
        "batch": None,
        "cancel_requested": False,
        "created_at": NOW,
        "started_at": None,
        "finished_at": None,
        "deadline_at": None,
        "erase_asked_at": None,
        "erased_at": None,
    }
    return Job(**{**values, **changes})
