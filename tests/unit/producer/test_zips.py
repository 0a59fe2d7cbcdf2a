"""A ZIP that is sent while it is made: whatever lines are called, and however many there are."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from producer.zips import MANIFEST, zipped
from storage.errors import ObjectMissing
from storage.job import Job, JobState, ResultImage
from storage.new_rows import stored
from tests.jobs import new_job

PICTURE = bytes(range(256)) * 40


@dataclass
class Shelf:
    """Objects without a store: a picture for each key, whose reads are counted."""

    read: int = 0
    held: int = 0

    def get(self, key: str) -> bytes:
        if key.startswith("lost"):
            raise ObjectMissing(key)
        self.read += 1
        return PICTURE


@dataclass
class Jobs:
    """Jobs without a database, two a page."""

    jobs: list[Job]

    def pages(self) -> Iterator[list[Job]]:
        for start in range(0, len(self.jobs), 2):
            yield self.jobs[start : start + 2]


def job(line: int | None, custom_id: str | None, images: int = 1, where: str = "results") -> Job:
    """A job that succeeded."""
    made = tuple(ResultImage(n, f"{where}/{n}", "0" * 64, 8, 8, "image/webp", 7, "w") for n in range(images))
    one = stored(new_job("tnt_x", line=line, custom_id=custom_id), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    return replace(one, state=JobState.SUCCEEDED, images=made, finished_at=one.created_at)


def opened(pieces: Iterator[bytes]) -> zipfile.ZipFile:
    """The ZIP, which must be sound."""
    found = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert found.testzip() is None
    return found


@given(
    st.lists(st.tuples(st.integers(1, 3), st.none() | st.text(min_size=1, max_size=64), st.integers(0, 3)), max_size=9)
)
def test_every_image_lies_under_the_name_that_the_manifest_tells(lines: list[tuple[int, str | None, int]]) -> None:
    jobs = [job(line, custom_id, images) for line, custom_id, images in lines]
    found = opened(zipped(Jobs(jobs), Shelf()))  # type: ignore[arg-type]
    told = [json.loads(line) for line in found.read(MANIFEST).splitlines()]
    assert [one["job"] for one in told] == [one.id for one in jobs]
    names = [file["name"] for one in told for file in one["files"]]
    assert len(names) == len(set(names)) == sum(images for _, _, images in lines)
    assert found.namelist() == [*names, MANIFEST]
    for name in names:
        assert found.read(name) == PICTURE
        assert name.isascii()
        assert "/" not in name
        assert not name.startswith(".")


def test_it_is_sent_as_it_is_made_and_no_more_is_read_than_is_taken() -> None:
    shelf = Shelf()
    pieces = zipped(Jobs([job(n, None) for n in range(1, 200)]), shelf)  # type: ignore[arg-type]
    for sent in range(1, 100):
        assert len(next(pieces)) < len(PICTURE) + 500
        assert shelf.read <= sent + 5
    pieces.close()  # type: ignore[attr-defined]


def test_what_is_lost_is_said_to_be_gone_and_the_rest_is_there() -> None:
    found = opened(zipped(Jobs([job(1, "a", 2, where="lost"), job(2, "b", 1)]), Shelf()))  # type: ignore[arg-type]
    assert found.namelist() == ["000002-b-0.webp", MANIFEST]
    assert [json.loads(line)["gone"] for line in found.read(MANIFEST).splitlines()] == [True, False]
