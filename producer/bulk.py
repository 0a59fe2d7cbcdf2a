"""One batch on its way in: chunks of lines become drafts, and each chunk of drafts one commit.

Two threads may work on it at once, one that drafts and one that stores: the database is waited for while the next
chunk is looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from producer.batch_desk import AHEAD, BatchDesk
from producer.inputs import Input, missing, placed
from producer.order import Order
from producer.submit import Submitter
from storage.batch import Batch
from storage.batch_intake import BatchIntake
from storage.errors import DatabaseUnavailable
from storage.failpoints import reach
from storage.intake import Answer, Submitted
from storage.job import JobState, NewJob

log = structlog.get_logger(__name__)

# More would wake nobody who is not awake by then.
RINGS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a body, by its number from 1: what it asks for, or why it cannot be read."""

    number: int
    asked: Order | Exception
    custom_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line."""

    line: Line
    answer: Answer


@dataclass(slots=True)
class _Place:
    """A line on its way; `pictures` are those that are stored for it alone."""

    line: Line
    new: NewJob | None = None
    refusal: Exception | None = None
    pictures: list[Input] = field(default_factory=list)
    putting: Future[None] | None = None


Drafts = list[_Place]


class Bulk:
    """Takes in the lines of one batch. Close it."""

    def __init__(self, submitter: Submitter, intake: BatchIntake, batch: Batch) -> None:
        self._submitter = submitter
        self._intake = intake
        self._batch = batch
        self._executor = ThreadPoolExecutor(AHEAD, thread_name_prefix="batch")
        self._desk = BatchDesk(submitter.desk, batch.tenant_id, self._executor)

    def close(self) -> None:
        """Lets its threads go."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def draft(self, lines: Sequence[Line]) -> Drafts:
        """Looks at every line; pictures that came with one are stored. A line that fails holds up no other."""
        orders = [line.asked for line in lines if isinstance(line.asked, Order)]
        self._desk.begin({self._user(order) for order in orders})
        coming = iter(orders)
        for order in itertools.islice(coming, AHEAD):
            self._desk.expect(order)
        places: Drafts = []
        for line in lines:
            places.append(self._place(line))
            if isinstance(line.asked, Order) and (later := next(coming, None)) is not None:
                self._desk.expect(later)
            if len(places) > AHEAD:
                self._settle(places[-AHEAD - 1])
        for place in places[-AHEAD - 1 :]:
            self._settle(place)
        return places

    def store(self, drafts: Drafts) -> list[Outcome]:
        """One commit for all of them; what became of each line, in order.

        Raises BatchClosed, with nothing left behind, and DatabaseUnavailable, after which they may be stored or not.
        """
        coming = [place for place in drafts if place.new is not None]
        news = [place.new for place in coming if place.new is not None]
        try:
            answers = self._intake.feed(news, refused=len(drafts) - len(coming))
        except DatabaseUnavailable:
            raise  # the jobs may be stored all the same, and then they must find their pictures
        except BaseException:
            self._drop(coming)
            raise
        reach("after_accept")
        by_line = {place.line.number: answer for place, answer in zip(coming, answers, strict=True)}
        self._drop([place for place in coming if not _is_new(by_line[place.line.number])])
        self._announce([answer for answer in answers if _is_new(answer)])
        return [Outcome(place.line, by_line.get(place.line.number) or _refusal(place)) for place in drafts]

    def abandon(self, drafts: Drafts) -> None:
        """Leaves nothing of drafts that are not going to be stored."""
        self._drop(drafts)

    def _user(self, order: Order) -> str | None:
        return None if order.user is None else self._submitter.pseudonym(self._batch.tenant_id, order.user)

    def _place(self, line: Line) -> _Place:
        if not isinstance(line.asked, Order):
            return _Place(line, refusal=line.asked)
        try:
            draft = self._submitter.draft(self._batch.tenant_id, line.asked, self._desk)
            kept = placed(draft.tenant_id, draft.job_id, draft.inputs)
            pictures = missing(draft.inputs, kept)
            new = self._submitter.new_job(draft, kept, self._desk)
        except Exception as error:  # noqa: BLE001  (it is the answer to this line)
            return _Place(line, refusal=error)
        putting = self._executor.submit(self._submitter.shelf.put, pictures) if pictures else None
        return _Place(line, new, pictures=[replace(picture, data=b"") for picture in pictures], putting=putting)

    def _settle(self, place: _Place) -> None:
        """Waits until the line's own pictures are stored."""
        if place.putting is None:
            return
        try:
            place.putting.result()
        except Exception as error:  # noqa: BLE001  (it is the answer to this line)
            self._drop([place])
            place.new, place.refusal = None, error
        place.putting = None

    def _drop(self, places: Sequence[_Place]) -> None:
        for place in places:
            self._submitter.shelf.drop(place.pictures)

    def _announce(self, answers: Sequence[Answer]) -> None:
        made = [answer.job for answer in answers if isinstance(answer, Submitted)]
        log.info("lines_accepted", batch_id=self._batch.id, tenant_id=self._batch.tenant_id, jobs=len(made))
        queued = [job for job in made if job.state is JobState.QUEUED]
        for alias in {job.params.model for job in queued}:
            for job in [job for job in queued if job.params.model == alias][:RINGS]:
                self._submitter.doorbell.ring(alias, job.id)


def _is_new(answer: Answer) -> bool:
    return isinstance(answer, Submitted) and not answer.replayed


def _refusal(place: _Place) -> Exception:
    if place.refusal is None:
        raise RuntimeError(f"line {place.line.number} has no answer")
    return place.refusal
