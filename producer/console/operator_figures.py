"""The arithmetic of the operator's page: sums, backlogs and the geometry of the chart. No database, no web."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.fleet import Ended, Failure, Past, Queue, Waiting

STATES = ("queued", "running", "held")
PACE_MINUTES = 10
SPANS = (5, 15, 60)
# Of the chart, in its own units: a bar and the gap after it, the height of the tallest, and room for labels.
STRIDE, BAR, TALLEST, LEFT, TOP = 12, 9, 120, 44, 12


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table of what waits: counts by state, and of what is queued its oldest and backlog in seconds.

    `backlog` is None where nothing succeeded lately by which it could be told, or where it does not apply.
    """

    name: str
    queued: int
    running: int
    held: int
    oldest: float | None
    backlog: float | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits, in all and along each of three lines. Where it is not `whole`, figures are lower bounds."""

    total: Line
    models: list[Line]
    priorities: list[Line]
    tenants: list[Line]
    whole: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a bar of the chart: the jobs of one `kind` that ended `minute` minutes ago."""

    x: int
    y: float
    height: float
    kind: str
    count: int
    minute: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What ended by the minute, the newest on the right; `top` is the count at the upper line."""

    bars: list[Bar]
    top: int
    width: int
    height: int


def waits(queue: Queue, past: Past, most_tenants: int = 15) -> Waits:
    """The tables of what waits, the longest queues of tenants first."""
    paces = _paces(past)
    models = _lines(queue.groups, "model", paces)
    backlogs = [line.backlog for line in models if line.queued]
    # Models wait side by side: all is done when the slowest is.
    whole_backlog = max((one for one in backlogs if one is not None), default=None) if None not in backlogs else None
    tenants = sorted(_lines(queue.groups, "tenant"), key=lambda line: (-line.queued, -line.running, line.name))
    total = _line("", queue.groups, whole_backlog)
    return Waits(total, models, _lines(queue.groups, "priority"), tenants[:most_tenants], queue.whole)


def ended_in(past: Past, minutes: int) -> dict[str, int]:
    """How many jobs ended in the last `minutes`, by state."""
    counts: dict[str, int] = defaultdict(int)
    for one in past.ended:
        if one.minute < minutes:
            counts[one.state] += one.count
    return dict(counts)


def ended_of_tenants(past: Past) -> dict[str, dict[str, int]]:
    """By tenant: how many jobs ended in the time that `past` covers, by state."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in past.ended:
        counts[one.tenant][one.state] += one.count
    return {tenant: dict(states) for tenant, states in counts.items()}


def chart(past: Past, minutes: int = 60) -> Chart:
    """Bars for the last `minutes`: what succeeded below, what failed above it, every other end on top."""
    kinds: dict[tuple[int, str], int] = defaultdict(int)
    for one in past.ended:
        if 0 <= one.minute < minutes:
            kinds[one.minute, _kind(one)] += one.count
    sums = [sum(kinds[minute, kind] for kind in _KINDS) for minute in range(minutes)]
    top = _round_up(max(sums, default=0))
    bars = [bar for minute in range(minutes) for bar in _stack(kinds, minute, minutes, top)]
    return Chart(bars, top, LEFT + minutes * STRIDE, TOP + TALLEST + 24)


def by_code(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Samples in lists of one code each, in their order."""
    grouped: dict[str, list[Failure]] = defaultdict(list)
    for one in failures:
        grouped[one.code].append(one)
    return list(grouped.values())


_KINDS = ("succeeded", "failed", "other")


def _kind(one: Ended) -> str:
    return one.state if one.state in _KINDS else "other"


def _stack(kinds: dict[tuple[int, str], int], minute: int, minutes: int, top: int) -> Iterable[Bar]:
    y = float(TOP + TALLEST)
    for kind in _KINDS:
        count = kinds[minute, kind]
        if count:
            height = round(TALLEST * count / top, 2)
            y = round(y - height, 2)
            yield Bar(LEFT + (minutes - 1 - minute) * STRIDE, y, height, kind, count, minute)


def _round_up(count: int) -> int:
    """The next of 4, 10, 20, 40, 100, ...: its half is a whole number, too."""
    step = 1
    while True:
        for top in (4 * step, 10 * step, 20 * step):
            if top >= count:
                return top
        step *= 10


def _paces(past: Past) -> dict[str, float]:
    """UNet rows a second that each model got through lately, in jobs that succeeded."""
    minutes = min(PACE_MINUTES, past.minutes)
    rows: dict[str, float] = defaultdict(float)
    for one in past.ended:
        if one.minute < minutes and one.state == "succeeded":
            rows[one.model] += one.cost
    return {model: cost / (60.0 * minutes) for model, cost in rows.items()}


def _lines(groups: Sequence[Waiting], by: str, paces: dict[str, float] | None = None) -> list[Line]:
    named: dict[str, list[Waiting]] = defaultdict(list)
    for group in groups:
        named[getattr(group, by)].append(group)
    return [_line(name, mine, _backlog(name, mine, paces)) for name, mine in sorted(named.items())]


def _backlog(model: str, groups: Sequence[Waiting], paces: dict[str, float] | None) -> float | None:
    cost = sum(group.cost for group in groups if group.state == "queued")
    pace = (paces or {}).get(model)
    return None if pace is None else cost / pace


def _line(name: str, groups: Sequence[Waiting], backlog: float | None) -> Line:
    counts = {state: sum(group.count for group in groups if group.state == state) for state in STATES}
    oldest = max((group.oldest for group in groups if group.state == "queued"), default=None)
    return Line(name, counts["queued"], counts["running"], counts["held"], oldest, backlog)
