"""What became of a batch, job by job, in the order in which they were sent. No more of it is held than a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from storage.job import Job
from storage.job_reader import JobReader

PAGE = 200


@dataclass(frozen=True, slots=True)
class BatchJobs:
    """The tenant's jobs with one label."""

    reader: JobReader
    tenant_id: str
    label: str

    def pages(self) -> Iterator[list[Job]]:
        """All of them, PAGE at a time. Raises DatabaseUnavailable."""
        after = ""
        while page := self.reader.labelled(self.tenant_id, self.label, after=after, limit=PAGE):
            yield page
            after = page[-1].id
