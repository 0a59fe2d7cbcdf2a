"""How far the pictures of one job are, what that took, and what it would still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Progress:
    """Denoising steps done. Written by the engine's thread only; anyone may read."""

    def __init__(self, images: int, steps: int, now: Callable[[], float] = time.monotonic) -> None:
        """`steps` is what each of `images` pictures takes; `now` is a clock in seconds."""
        self._steps = steps
        self._done = [0] * images
        self._device_seconds = 0.0
        self._first_at: float | None = None
        self._now = now

    def note(self, index: int, step: int, device_seconds: float) -> None:
        """Picture `index` has now `step` steps; the last took `device_seconds`, its share of the batch it was in."""
        self._done[index] = step
        self._device_seconds += device_seconds
        if self._first_at is None:
            self._first_at = self._now()

    @property
    def step(self) -> int:
        """Steps done by the average picture, rounded down."""
        return sum(self._done) // len(self._done)

    def receipt(self, recent: float | None) -> dict[str, Any]:
        """What a job that was stopped has on record.

        `denoise_seconds` is device time spent, `saved_seconds` the device time of the steps that were not run: at this
        job's pace, else at `recent` seconds a step, else null.
        """
        done = sum(self._done)
        left = self._steps * len(self._done) - done
        pace = self._device_seconds / done if done else recent
        return {
            "actual_steps": max(self._done),
            "denoise_seconds": round(self._device_seconds, 4),
            "saved_seconds": None if pace is None else round(pace * left, 4),
        }

    def seconds_left(self) -> float | None:
        """Time until the slowest picture has all its steps, at the pace of the quickest so far; None before two steps.

        That is a lower bound: decoding, checks and saving come after it.
        """
        furthest = max(self._done)
        if self._first_at is None or furthest < 2:
            return None
        return (self._now() - self._first_at) / (furthest - 1) * (self._steps - min(self._done))
