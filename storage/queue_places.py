"""Where queued jobs stand, at a price that does not grow with the queue.

Jobs near the front are counted, see storage/places.py. The place of one further back is read off a sketch of the
queue, in which every SKETCH_STEPth job is marked; drawing it anew takes a twentieth of the time at most.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from storage.job import Job, JobState
from storage.places import QUEUED, Place, places_up_to
from storage.tables import jobs

NEAR = 200
SKETCH_STEP = 100
YOUNG_SECONDS = 0.5
SHARE = 20.0

_Mark = tuple[float, str]
"""Fair key and id: queues are in this order."""


@dataclass(frozen=True, slots=True)
class _Sketch:
    """Marked jobs, in order, and the place of each; and until when, by time.monotonic(), it serves."""

    marks: list[_Mark]
    places: list[Place]
    until: float

    def place(self, mark: _Mark) -> Place | None:
        """The place of the last marked job before `mark`; None near the front."""
        before = bisect_right(self.marks, mark) - 1
        return self.places[before] if before >= 0 and self.places[before].position >= NEAR else None


class QueuePlaces:
    """Reads places, and keeps a sketch of each model's queue. For many threads."""

    def __init__(self) -> None:
        self._sketches: dict[str, _Sketch] = {}
        self._drawing = threading.Lock()

    def of(self, connection: sa.Connection, some: Sequence[Job]) -> dict[str, Place]:
        """The places of those of `some` that are queued, by id: exact up to NEAR, then to within a step."""
        queued = [job.id for job in some if job.state is JobState.QUEUED]
        rows = connection.execute(_KEYS, {"ids": queued}).all() if queued else []
        found: dict[str, Place] = {}
        last: dict[str, float] = {}
        for row in rows:
            place = self._sketch(connection, row.model_alias).place((row.fair_key, row.id))
            if place is None:
                last[row.model_alias] = max(row.fair_key, last.get(row.model_alias, row.fair_key))
            else:
                found[row.id] = place
        near = [row.id for row in rows if row.id not in found]
        return found | (places_up_to(connection, near, last) if near else {})

    def _sketch(self, connection: sa.Connection, alias: str) -> _Sketch:
        with self._drawing:
            sketch = self._sketches.get(alias)
            if sketch is None or sketch.until < time.monotonic():
                sketch = self._sketches[alias] = _draw(connection, alias)
        return sketch


def _draw(connection: sa.Connection, alias: str) -> _Sketch:
    began = time.monotonic()
    rows = connection.execute(_MARKS, {"alias": alias}).all()
    ended = time.monotonic()
    places = [Place(row.place, row.rows_ahead) for row in rows]
    return _Sketch(
        [(row.fair_key, row.id) for row in rows], places, ended + max(YOUNG_SECONDS, SHARE * (ended - began))
    )


def _marks() -> sa.Select[tuple[float, str, int, float]]:
    order = (jobs.c.fair_key, jobs.c.id)
    place = (sa.func.row_number().over(order_by=order) - 1).label("place")
    rows_ahead = (sa.func.sum(jobs.c.cost).over(order_by=order, rows=(None, 0)) - jobs.c.cost).label("rows_ahead")
    queue = sa.and_(QUEUED, jobs.c.model_alias == sa.bindparam("alias"))
    line = sa.select(*order, place, rows_ahead).where(queue).subquery()
    return sa.select(*line.c).where(line.c.place % SKETCH_STEP == 0).order_by(line.c.place)


# Built once: putting statements together costs more than running them.
_MARKS = _marks()
_KEYS = sa.select(jobs.c.id, jobs.c.model_alias, jobs.c.fair_key).where(
    jobs.c.id.in_(sa.bindparam("ids", expanding=True)), QUEUED
)
