"""The section `review` of the policy file: who sees what was held, in which order, and how much of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from safety.strict import Severity, Strict

QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Kind = Literal["held", "report", "appeal"]
Hours = Annotated[float, Field(gt=0, le=8760)]


class QueueRule(Strict):
    """A queue, and which cases go into it: those that fit every field that is given. The first queue that fits wins.

    `severity` is the least severity. `role` is the least role that is given its cases.
    """

    name: QueueName
    kind: Kind | None = None
    severity: Severity | None = None
    categories: tuple[str, ...] = ()
    role: Literal["reviewer", "lead"] = "reviewer"

    def takes(self, kind: str, severity: int, category: str) -> bool:
        """Whether a case goes into this queue."""
        fits_kind = self.kind is None or self.kind == kind
        fits_category = not self.categories or category in self.categories
        return fits_kind and fits_category and severity >= (self.severity or 0)


class FourEyes(Strict):
    """What one person proposes and another confirms: cases from `severity` on, and those of these kinds."""

    severity: Severity = 6
    kinds: tuple[Kind, ...] = ("appeal",)


class Exposure(Strict):
    """How much a moderator may look at: what was revealed within `hours` weighs `limit` at most, by severity.

    Beyond it there is a break of `break_minutes`. `daily` are the most cases of a category within 24 hours.
    """

    weights: dict[Severity, Annotated[float, Field(ge=0, le=100)]]
    hours: Hours
    limit: Annotated[float, Field(gt=0, le=10000)]
    break_minutes: Annotated[float, Field(gt=0, le=1440)]
    daily: dict[str, Annotated[int, Field(ge=1, le=10000)]] = Field(default_factory=dict)


class Review(Strict):
    """`hours` is how long a case may wait, by severity; `appeal_days` how long after a refusal a caller may appeal.

    `known_share` is the share of cases with a known answer that is mixed in, to measure agreement.
    """

    hours: dict[Severity, Hours]
    queues: tuple[QueueRule, ...] = Field(min_length=1)
    four_eyes: FourEyes = FourEyes()
    exposure: Exposure
    appeal_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    known_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0

    @model_validator(mode="after")
    def _has_a_place_for_every_case(self) -> "Review":
        missing = sorted({0, 2, 4, 6} - self.hours.keys())
        if missing:
            raise ValueError(f"`hours` says nothing of severity {missing[0]}: name 0, 2, 4 and 6")
        last = self.queues[-1]
        if last.kind is not None or last.severity is not None or last.categories:
            raise ValueError(f"the last queue, `{last.name}`, must take every case: no kind, severity or category")
        if len({queue.name for queue in self.queues}) != len(self.queues):
            raise ValueError("two queues have the same name")
        return self

    def queue_of(self, kind: str, severity: int, category: str) -> QueueRule:
        """The queue of a case."""
        return next(queue for queue in self.queues if queue.takes(kind, severity, category))

    def needs_two(self, kind: str, severity: int) -> bool:
        """Whether a second person has to confirm what is decided on a case."""
        return severity >= self.four_eyes.severity or kind in self.four_eyes.kinds
