"""A log that is told of a flood and not flooded."""

from __future__ import annotations

from storage.repeats import Repeats


def test_a_flood_makes_one_line_a_second_with_the_count_since_the_line_before() -> None:
    now = 0.0
    repeats = Repeats(seconds=1.0, clock=lambda: now)
    lines = []
    for now in (0.0, 0.1, 0.2, 0.9, 1.0, 1.1, 2.5):
        if count := repeats.note():
            lines.append((now, count))
    assert lines == [(0.0, 1), (1.0, 4), (2.5, 2)]
