"""What a caller asked for, whichever door it came in by: HTTP, one of the dialects, or a line of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from storage.job import Priority
from storage.params import InpaintParams


@dataclass(frozen=True, slots=True)
class FileRef:
    """A picture that was uploaded before, by its `file_` id."""

    id: str


@dataclass(frozen=True, slots=True)
class UrlRef:
    """A picture that is to be fetched. The URL may carry a signature that opens it, so it is never logged."""

    url: str = field(repr=False)


Source = bytes | FileRef | UrlRef


@dataclass(frozen=True, slots=True)
class Hook:
    """Where this one job's events are to be sent, and which."""

    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One inpainting request, syntactically sound but not yet judged.

    `mask` is None where the alpha channel of `image` is the mask. `user` is the caller's own name for its end-user,
    as sent. `metadata` is JSON of at most 16 keys and 4 kB. `idempotency_key` is the caller's own; `is_retry` says
    that its client repeats a request without one.
    """

    params: InpaintParams
    image: Source
    mask: Source | None = None
    priority: Priority = Priority.STANDARD
    deadline_seconds: float | None = None
    user: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    batch: str | None = None
    hook: Hook | None = None
    idempotency_key: str | None = None
    is_retry: bool = False
