"""Models and usage as the service shows them. The keys are the contract; a later service may add more."""

from __future__ import annotations

from typing import Literal, TypedDict


class ModelEntry(TypedDict):
    """What a model can do; sizes are working widths and heights in pixels."""

    object: Literal["model"]
    alias: str
    name: str
    native_size: int
    family: str
    channels: int
    max_size: int
    size_step: int
    max_clip_skip: int
    schedulers: list[str]
    assumed: bool


class ModelList(TypedDict):
    """Every model on offer."""

    object: Literal["list"]
    data: list[ModelEntry]


class EndedJobs(TypedDict):
    """Jobs that ended, by final state."""

    succeeded: int
    failed: int
    blocked: int
    canceled: int
    expired: int


class UsageView(TypedDict):
    """`unet_rows` is work that was done, also for jobs that were stopped."""

    jobs: EndedJobs
    images: int
    unet_rows: float
    gpu_seconds: float


class DayView(UsageView):
    """The usage of one day, in UTC."""

    date: str


class StoredFiles(TypedDict):
    """Uploaded files that are stored now."""

    count: int
    bytes: int


class UsageReport(TypedDict):
    """Every day asked for, oldest first, and all of them together."""

    object: Literal["usage"]
    days: list[DayView]
    total: UsageView
    files: StoredFiles
