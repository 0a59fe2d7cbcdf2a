"""By which dialect a job came in, as its `metadata` says."""

from __future__ import annotations

from typing import Any

from storage.job import Job

_KEY = "dialect"


def marked(dialect: str) -> dict[str, Any]:
    """The metadata of a job that comes in by this dialect."""
    return {_KEY: dialect}


def dialect_of(job: Job) -> str | None:
    """The dialect, None for a job that came in by the native interface."""
    found = job.metadata.get(_KEY)
    return found if isinstance(found, str) else None
