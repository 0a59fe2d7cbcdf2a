"""When a webhook is sent again: the schedule of Standard Webhooks, as arithmetic."""

from __future__ import annotations

# Seconds before each attempt, counted from the one before.
SCHEDULE = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
JITTER = 0.1
LONGEST_WISH = SCHEDULE[-1]


def seconds_until_next(made: int, *, chance: float, wish: float | None = None) -> float | None:
    """Seconds from the `made`-th failed attempt (1 or more) to the next one; None when that was the last.

    `chance` in [0, 1) spreads deliveries that failed together, by up to a tenth. `wish` is the receiver's Retry-After
    in seconds: it can make the wait longer, up to a day, never shorter.
    """
    if made >= len(SCHEDULE):
        return None
    planned = SCHEDULE[made] * (1.0 + JITTER * chance)
    return max(planned, min(wish or 0.0, LONGEST_WISH))
