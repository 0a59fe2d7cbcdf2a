"""One batch on its way in: chunks of lines become drafts, and each chunk of drafts one commit.

Two threads may work on it at once, one that drafts and one that stores: the database is waited for while the next
chunk is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from producer.batch_desk import AHEAD, BatchDesk
from producer.fingerprint import fingerprint_of
from producer.inputs import missing
from producer.metrics import count_accepted
from producer.order import Order
from producer.submit import Submitter
from storage import tracing
from storage.batch import Batch
from storage.batch_intake import BatchIntake
from storage.copies import Trace
from storage.errors import DatabaseUnavailable
from storage.failpoints import reach
from storage.intake import Answer, Submitted
from storage.job import JobState, NewJob

log = structlog.get_logger(__name__)

# For the first chunk. Who is awake goes on claiming, so that one a chunk is enough from then on.
FIRST_RINGS = 4


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
    """A line on its way; `keys` are those of the pictures that are stored for it alone."""

    line: Line
    fingerprint: str = ""
    new: NewJob | None = None
    answer: Answer | None = None
    keys: list[str] = field(default_factory=list)
    putting: Future[None] | None = None


Drafts = list[_Place]


class Bulk:
    """Takes in the lines of one batch. Close it."""

    def __init__(self, submitter: Submitter, intake: BatchIntake, batch: Batch) -> None:
        self._submitter = submitter
        self._intake = intake
        self._batch = batch
        self._rings = FIRST_RINGS
        self._executor = ThreadPoolExecutor(AHEAD, thread_name_prefix="batch")
        self._desk = BatchDesk(submitter.desk, submitter.webhooks, batch.tenant_id, self._executor)

    def close(self) -> None:
        """Lets its threads go."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def draft(self, lines: Sequence[Line]) -> Drafts:
        """Looks at every line; pictures that came with one are stored. A line that fails holds up no other.

        Raises DatabaseUnavailable.
        """
        places = [_Place(line) for line in lines]
        todo = self._unknown(places)
        self._desk.begin({self._user(order) for _, order in todo})
        for _, order in todo[:AHEAD]:
            self._desk.expect(order)
        for number, (place, order) in enumerate(todo):
            self._look_at(place, order)
            for _, later in todo[number + AHEAD : number + AHEAD + 1]:
                self._desk.expect(later)
            if number >= AHEAD:
                self._settle(todo[number - AHEAD][0])
        for place, _ in todo[-AHEAD:]:
            self._settle(place)
        return places

    def store(self, drafts: Drafts) -> list[Outcome]:
        """One commit for all of them; what became of each line, in order.

        Raises BatchClosed, with nothing left behind, and DatabaseUnavailable, after which they may be stored or not.
        """
        coming = [place for place in drafts if place.new is not None]
        news = [place.new for place in coming if place.new is not None]
        replayed = sum(isinstance(place.answer, Submitted) for place in drafts)
        try:
            answers = self._intake.feed(news, replayed=replayed, refused=len(drafts) - len(coming) - replayed)
        except DatabaseUnavailable:
            raise  # the jobs may be stored all the same, and then they must find their pictures
        except BaseException:
            self._drop(coming)
            raise
        reach("after_accept")
        for place, answer in zip(coming, answers, strict=True):
            place.answer = answer
        self._drop([place for place in coming if not _is_new(place.answer)])
        self._announce([answer for answer in answers if _is_new(answer)])
        return [Outcome(place.line, _answered(place)) for place in drafts]

    def abandon(self, drafts: Drafts) -> None:
        """Leaves nothing of drafts that are not going to be stored."""
        self._drop(drafts)

    def _user(self, order: Order) -> str | None:
        return None if order.user is None else self._submitter.pseudonym(self._batch.tenant_id, order.user)

    def _unknown(self, places: Drafts) -> list[tuple[_Place, Order]]:
        """Those whose orders are still to be looked at: the rest cannot be read, or are copies of earlier ones."""
        asked: list[tuple[_Place, Order]] = []
        for place in places:
            if isinstance(place.line.asked, Order):
                place.fingerprint = fingerprint_of(place.line.asked)
                asked.append((place, place.line.asked))
            else:
                place.answer = place.line.asked
        tenant_id = self._batch.tenant_id
        keys = [Trace(tenant_id, place.fingerprint, order.idempotency_key, is_retry=False) for place, order in asked]
        for (place, _), known in zip(asked, self._intake.known(keys), strict=True):
            place.answer = known
        return [(place, order) for place, order in asked if place.answer is None]

    def _look_at(self, place: _Place, order: Order) -> None:
        try:
            with tracing.span("submit", root=True):
                draft = self._submitter.draft(self._batch.tenant_id, order, self._desk, place.fingerprint)
                kept = self._submitter.shelf.as_if_kept(draft.tenant_id, draft.job_id, draft.inputs)
                new = self._submitter.new_job(draft, kept)
            if order.hook is not None:
                new = replace(new, webhook_id=self._desk.webhook_id(order.hook))
        except Exception as error:  # noqa: BLE001  (it is the answer to this line)
            place.answer = error
            return
        place.new = new
        self._desk.note(new)
        if pictures := missing(draft.inputs, kept):
            place.keys = [picture.stored_key for picture in pictures]
            place.putting = self._executor.submit(self._submitter.shelf.put, pictures)

    def _settle(self, place: _Place) -> None:
        """Waits until the line's own pictures are stored."""
        if place.putting is None:
            return
        try:
            place.putting.result()
        except Exception as error:  # noqa: BLE001  (it is the answer to this line)
            self._drop([place])
            place.new, place.answer = None, error
        place.putting = None

    def _drop(self, places: Sequence[_Place]) -> None:
        for place in places:
            self._submitter.shelf.drop(place.keys)

    def _announce(self, answers: Sequence[Answer]) -> None:
        made = [answer.job for answer in answers if isinstance(answer, Submitted)]
        log.info("lines_accepted", batch_id=self._batch.id, tenant_id=self._batch.tenant_id, jobs=len(made))
        for job in made:
            count_accepted(job)
        queued = [job for job in made if job.state is JobState.QUEUED]
        for alias in {job.params.model for job in queued}:
            for job in [job for job in queued if job.params.model == alias][: self._rings]:
                self._submitter.doorbell.ring(alias, job.id)
        if queued:
            self._rings = 1


def _is_new(answer: Answer | None) -> bool:
    return isinstance(answer, Submitted) and not answer.replayed


def _answered(place: _Place) -> Answer:
    if place.answer is None:
        raise RuntimeError(f"line {place.line.number} has no answer")
    return place.answer
