"""The section `behavior` of the policy file: what a caller's past says about a request."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from safety.strict import RuleId, Severity, Strict
from safety.verdict import Action

Weight = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(gt=0, le=1)]


class PastExample(Strict):
    """Severities of prompts that were refused within the window, the last of them `minutes_ago`."""

    severities: tuple[Severity, ...]
    minutes_ago: float = Field(default=0, ge=0)


class CoolDown(Strict):
    """An end-user whose strikes weigh `weight` together is refused until `minutes` after the last of them."""

    id: RuleId
    weight: Annotated[float, Field(gt=0, le=1000)]
    minutes: Annotated[float, Field(gt=0, le=10080)]
    positive: tuple[PastExample, ...] = Field(min_length=1)
    negative: tuple[PastExample, ...] = Field(min_length=1)


class RetryExample(Strict):
    """A prompt that was refused, and the one that came after it."""

    refused: str
    then: str


class RetryRule(Strict):
    """Applies where a refused request is asked for again.

    `similarity` is the share of the refused prompt's words that must come back. `picture` is "same" for requests on
    the very file that was sent before; "any" looks at the words alone, and then only at requests that were refused for
    their words, because the same harmless words are often used on many pictures.
    """

    id: RuleId
    category: str
    action: Action | None = None
    severity: Severity | None = None
    picture: Literal["same", "any"]
    similarity: Share
    positive: tuple[RetryExample, ...] = Field(min_length=1)
    negative: tuple[RetryExample, ...] = Field(min_length=1)


class RunExample(Strict):
    """So many strikes among so many requests of a tenant."""

    strikes: int = Field(ge=0)
    requests: int = Field(gt=0)


class TenantRule(Strict):
    """Applies where the last `strikes` strikes of a tenant fell on at most `strikes` / `share` requests in a row.

    A tenant speaks for many people, so this asks for a person's eye by default and refuses nobody.
    """

    id: RuleId
    category: str
    action: Action | None = None
    severity: Severity | None = None
    strikes: int = Field(ge=1, le=1000)
    share: Share
    positive: tuple[RunExample, ...] = Field(min_length=1)
    negative: tuple[RunExample, ...] = Field(min_length=1)

    @property
    def requests(self) -> int:
        """The longest run of requests to which the rule applies."""
        return int(self.strikes / self.share)


class Behavior(Strict):
    """A strike is earned by a request or a result that is refused, and weighs what `weights` says of its severity.

    What the model painted weighs `result_share` of that. A strike counts for `window_hours`; of one caller no more
    than the `looks_back` newest are read.
    """

    window_hours: Annotated[float, Field(gt=0, le=720)]
    weights: dict[Severity, Weight]
    result_share: Annotated[float, Field(ge=0, le=1)]
    looks_back: int = Field(ge=1, le=200)
    cool_down: CoolDown
    retries: tuple[RetryRule, ...]
    tenant: TenantRule

    @model_validator(mode="after")
    def _is_within_sight(self) -> "Behavior":
        lightest = min((w * s for w in self.weights.values() for s in (1.0, self.result_share) if w * s > 0), default=0)
        if lightest * self.looks_back < self.cool_down.weight:
            seen = f"{self.looks_back} of the lightest strikes weigh {lightest * self.looks_back:g} together"
            raise ValueError(f"{seen}, so `cool_down.weight` {self.cool_down.weight:g} could be out of sight")
        return self

    @property
    def window_seconds(self) -> float:
        """How long a strike counts."""
        return self.window_hours * 3600.0
