"""What a stopped job has on record, and what a drain is told."""

from __future__ import annotations

import pytest

from worker.progress import Progress


def test_saved_time_is_the_steps_left_at_the_jobs_own_pace() -> None:
    progress = Progress(images=2, steps=10)
    for index, step in ((0, 1), (1, 1), (0, 2)):
        progress.note(index, step, 0.5)
    assert progress.receipt(recent=99) == {"actual_steps": 2, "denoise_seconds": 1.5, "saved_seconds": 8.5}
    assert progress.step == 1


@pytest.mark.parametrize(("recent", "saved"), [(0.25, 5.0), (None, None)])
def test_before_its_first_step_the_engines_pace_counts_if_there_is_one(recent: float | None, saved: object) -> None:
    expected = {"actual_steps": 0, "denoise_seconds": 0.0, "saved_seconds": saved}
    assert Progress(images=2, steps=10).receipt(recent) == expected


def test_what_is_left_is_told_by_the_slowest_picture() -> None:
    clock = iter([0.0, 4.0])
    progress = Progress(images=2, steps=10, now=lambda: next(clock))
    assert progress.seconds_left() is None
    progress.note(0, 1, 0.1)
    assert progress.seconds_left() is None
    progress.note(0, 2, 0.1)
    progress.note(0, 3, 0.1)
    assert progress.seconds_left() == 20.0, "two steps took 4 s, and the other picture has ten to go"
