"""The oracle (after Jepsen's total queue): what was accepted ended, once, and what it shows is what was stored."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from storage.database import Database
from storage.errors import ObjectMissing
from storage.job import TERMINAL, JobState
from storage.mark_tables import marks
from storage.object_store import ObjectStore
from storage.tables import job_events, jobs
from tests.chaos.records import Records

Row = sa.Row[Any]


class Oracle:
    """What SQL says at the moment it is made; `problems()` is empty when every promise held."""

    def __init__(self, database: Database) -> None:
        with database.reading() as connection:
            self._rows = {row.id: row for row in connection.execute(sa.select(jobs))}
            self._manifests = set(connection.scalars(sa.select(marks.c.manifest_key)))
            events = connection.execute(sa.select(job_events).order_by(job_events.c.id)).all()
        self._records = Records(database)
        self._events: dict[str, list[Row]] = defaultdict(list)
        for event in events:
            self._events[event.job_id].append(event)

    def problems(self, accepted: Collection[str], objects: ObjectStore) -> list[str]:
        """A sentence for each broken promise. `accepted` are ids of jobs that a caller was told of."""
        found = [f"{job_id} was accepted and is not there" for job_id in accepted if job_id not in self._rows]
        for row in self._rows.values():
            found += [f"{row.id}: {problem}" for problem in _wrong_images(row, objects)]
            found += [f"{row.id}: {problem}" for problem in self._records.problems_of(row)]
        return found + self.histories() + self._orphans(objects)

    def histories(self) -> list[str]:
        """The part that SQL alone can tell: each job ended once, and was started as often as its row says."""
        return [f"{row.id}: {problem}" for row in self._rows.values() for problem in self._problems_of(row)]

    def doubled(self, sent: int) -> list[str]:
        """A sentence where more jobs are there than were sent: a copy of a request became a job of its own."""
        return [f"{len(self._rows)} jobs are there, of {sent} that were sent"] if len(self._rows) > sent else []

    def outcomes(self) -> Counter[str]:
        """How many jobs ended how."""
        return Counter(f"failed {row.error['code']}" if row.error else str(row.state) for row in self._rows.values())

    def attempts(self) -> Counter[int]:
        """How many jobs took how many attempts."""
        return Counter(row.attempt for row in self._rows.values())

    def states(self) -> dict[str, str]:
        """Where each job stands."""
        return {row.id: str(row.state) for row in self._rows.values()}

    def unfinished(self) -> list[str]:
        """Jobs that have not ended; held ones wait for a person and count as ended."""
        over = {*TERMINAL, JobState.HELD}
        return [row.id for row in self._rows.values() if row.state not in over]

    def _problems_of(self, row: Row) -> Iterator[str]:
        events = self._events[row.id]
        types = [event.type.removeprefix("job.") for event in events]
        ends = [name for name in types if name in set(TERMINAL)]
        if row.state not in TERMINAL and row.state != JobState.HELD:
            yield f"is still {row.state}"
        elif row.state in TERMINAL and ends != [row.state]:
            yield f"is {row.state} and its history ends with {ends}"
        started = [event.attempt for event in events if event.type == "job.started"]
        if started != list(range(1, row.attempt + 1)):
            yield f"is at attempt {row.attempt} and was started as {started}"
        if row.state == JobState.SUCCEEDED and len(row.images) != row.params["num_images"]:
            yield f"succeeded with {len(row.images)} images"
        if row.state not in (JobState.SUCCEEDED, JobState.HELD) and row.images:
            yield f"is {row.state} and shows images"

    def _orphans(self, objects: ObjectStore) -> list[str]:
        named = {image["key"] for row in self._rows.values() for image in row.images} | self._manifests
        folders = ("results/", "quarantine/", "manifests/")
        stored = [entry.key for folder in folders for entry in objects.entries(folder)]
        return [f"{key} is in the store and no row names it" for key in stored if key not in named]


def _wrong_images(row: Row, objects: ObjectStore) -> Iterator[str]:
    for image in row.images:
        try:
            data = objects.get(image["key"])
        except ObjectMissing:
            yield f"image {image['index']} is not in the store"
            continue
        if hashlib.sha256(data).hexdigest() != image["sha256"]:
            yield f"image {image['index']} is not what the row says"
