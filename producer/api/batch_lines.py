"""One line of a batch: the JSON object of POST /v1/jobs with a name and a key of its own; and its answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from producer.api.batch_body import MAX_LINE_BYTES, RawLine
from producer.api.bodies import parsed
from producer.api.faults import problem_of
from producer.api.idempotency import MAX_KEY_CHARS, is_key
from producer.api.orders import order_of, source_of
from producer.api.schemas import JobRequest, storable
from producer.bulk import Line, Outcome
from producer.errors import Refusal
from producer.order import Order
from storage.intake import Submitted
from storage.job import Priority


def _line_key(text: str) -> str:
    if not is_key(text):
        raise PydanticCustomError("wrong_format", "It must be printable ASCII; a UUID will do.")
    return text


LineKey = Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS), AfterValidator(_line_key)]
CustomId = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(storable)]


class JobLine(JobRequest):
    """A line of a batch: a request as POST /v1/jobs takes it, but for `batch`, which is the batch itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    custom_id: CustomId | None = Field(None, description="Your name for this line; results carry it.")
    idempotency_key: LineKey | None = Field(
        None, description="A line sent again with it gets the job of before, for 24 hours. See the batch's own key."
    )


@dataclass(frozen=True, slots=True)
class LineReader:
    """Reads the lines of `batch`. `priority` is that of lines without one; with `keys`, each has an idempotency key."""

    batch: str
    priority: Priority
    keys: bool

    def read(self, raw: RawLine) -> Line:
        """The line, or why it cannot be read."""
        number, text = raw
        if text is None:
            limit = f"A line takes {MAX_LINE_BYTES} bytes: upload large pictures to /v1/files and send their ids."
            return Line(number, Refusal("line_too_long", limit))
        try:
            asked = parsed(JobLine, text)
            return Line(number, self._order(number, asked), asked.custom_id)
        except Refusal as refusal:
            return Line(number, refusal)

    def _order(self, number: int, asked: JobLine) -> Order:
        if asked.batch is not None:
            raise Refusal.of_field("batch", "field_unknown", "Leave `batch` out: the line belongs to this batch.")
        mask = None if asked.mask is None else source_of(asked.mask, "mask")
        order = order_of(asked, source_of(asked.image, "image"), mask)
        return replace(
            order,
            batch=self.batch,
            line=number,
            custom_id=asked.custom_id,
            priority=order.priority if "priority" in asked.model_fields_set else self.priority,
            idempotency_key=asked.idempotency_key or (f"{self.batch}/{number}" if self.keys else None),
        )


def answers(outcomes: Iterable[Outcome]) -> bytes:
    """A line for each."""
    return b"".join(_answer(outcome) for outcome in outcomes)


def _answer(outcome: Outcome) -> bytes:
    # By hand, in the shape of a LineAnswer: there are tens of thousands.
    told: dict[str, Any] = {"line": outcome.line.number}
    if outcome.line.custom_id is not None:
        told["custom_id"] = outcome.line.custom_id
    answer = outcome.answer
    if isinstance(answer, Submitted):
        job = {"id": answer.job.id, "object": "job", "status": answer.job.state, "batch": answer.job.batch}
        told |= {"status": 202, "replayed": answer.replayed, "job": job}
    else:
        problem = problem_of(answer)
        told |= {"status": problem.status_code, "error": json.loads(bytes(problem.body))}
        if (retry_after := problem.headers.get("retry-after")) is not None:
            told["retry_after"] = int(retry_after)
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"
