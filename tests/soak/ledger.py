"""What was sampled, judged: a row for each life of each program, and a sentence for what grew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.chaos.deployment import SLOTS
from tests.soak.judge import Bound, Trend, trend
from tests.soak.watch import CONNECTIONS, FILES, MEMORY, QUEUE, Series, Track

MB = 1e6
# Connections and files come in small numbers that breathe with the load; a leak adds some at every fault or visit.
FEW = 4.0
# Each slot of a worker keeps the connection to the object store that it once needed, and a store that was deaf for a
# while has made all slots need one at once.
KEPT = float(SLOTS)
# So many seconds of arrivals may the queue be longer at the end than at the beginning.
QUEUE_SECONDS = 5.0
PRODUCT = ("api", "keeper", "worker")
# What PostgreSQL and the S3 server hold for themselves is shown and not judged: the one fills the cache that it was
# given and keeps tables open, the other is a test's.
NOT_OURS = {(role, what) for role in ("postgresql", "s3") for what in (MEMORY, FILES)}


@dataclass(frozen=True, slots=True)
class Row:
    """One life of one program, and one thing that it holds. `trend` is None where the life was too short to judge."""

    track: Track
    trend: Trend | None
    grows: bool


def bounds(seconds: float, rate: float, share: float) -> dict[str, Bound]:
    """What a soak of `seconds` at `rate` jobs a second holds against what it sampled, by what that is."""
    times = {"warm_seconds": min(180.0, 0.2 * seconds), "least_seconds": min(180.0, 0.2 * seconds)}
    return {
        MEMORY: Bound(**times, share=share, slack=MB),
        FILES: Bound(**times, share=share, slack=KEPT),
        CONNECTIONS: Bound(**times, share=share, slack=FEW),
        QUEUE: Bound(**times, share=share, slack=QUEUE_SECONDS * rate),
    }


def judged(tracks: Mapping[Track, Series], bounds: Mapping[str, Bound]) -> list[Row]:
    """A row for every track, in the order in which they began."""
    rows = []
    for track, series in tracks.items():
        found = trend(series.times, series.values, bounds[track.what])
        ours = (track.role, track.what) not in NOT_OURS
        rows.append(Row(track, found, ours and found is not None and found.grows(bounds[track.what])))
    return rows


def problems(rows: Iterable[Row]) -> list[str]:
    """A sentence for all that grew, and for each part of the product of which nothing can be said."""
    rows = list(rows)
    found = [_sentence(row.track, row.trend) for row in rows if row.trend is not None and row.grows]
    seen = {row.track.role for row in rows if row.trend is not None and row.track.what == MEMORY}
    for part in PRODUCT:
        if not any(role.startswith(part) for role in seen):
            found.append(f"no life of {part} was long enough to be judged: run for longer, or with another seed")
    return found


def _sentence(track: Track, found: Trend) -> str:
    rise, start = f"{_shown(track.what, found.rise)}", _shown(track.what, found.start)
    return f"{track.role}: {track.what} grew by {rise} in {found.seconds / 60:.1f} min, from {start}"


def table(rows: Iterable[Row]) -> str:
    """Of what was judged, one line each; lives that were too short are counted."""
    rows = list(rows)
    lines = [f"{'':14}{'':12}{'start':>10}{'end':>10}{'% an hour':>11}{'peak':>10}{'minutes':>9}"]
    for row in sorted(rows, key=lambda row: (row.track.what, row.track.role)):
        if row.trend is not None:
            lines.append(_line(row.track, row.trend) + ("  GROWS" if row.grows else ""))
    short = len({(row.track.role, row.track.life) for row in rows if row.trend is None})
    return "\n".join([*lines, f"{short} lives were too short to be judged"])


def _line(track: Track, found: Trend) -> str:
    start, end, peak = (_shown(track.what, value) for value in (found.start, found.end, found.peak))
    slope, minutes = f"{found.percent_an_hour:+.1f}", f"{found.seconds / 60:.1f}"
    return f"{track.role:14}{track.what:12}{start:>10}{end:>10}{slope:>11}{peak:>10}{minutes:>9}"


def _shown(what: str, value: float) -> str:
    return f"{value / MB:.1f} MB" if what == MEMORY else f"{value:.1f}"
