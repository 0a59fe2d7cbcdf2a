"""The shape of the policy's sections on measured signals: what must be measured, and what follows from it."""

from typing import Self

from pydantic import Field, model_validator

from safety.strict import RuleId, Severity, Strict
from safety.verdict import Action


class ScoreExample(Strict):
    """Scores of one image that a rule must, or must not, apply to."""

    scores: dict[str, float]


class ScoreRule(Strict):
    """Applies where a concept that matches one of `concepts` (shell patterns) scores above `threshold`.

    The first rule of a source that names a concept is the one that judges it.
    """

    id: RuleId
    category: str
    action: Action | None = None
    severity: Severity | None = None
    concepts: tuple[str, ...] = Field(min_length=1)
    threshold: float = 0.0
    positive: tuple[ScoreExample, ...] = Field(min_length=1)
    negative: tuple[ScoreExample, ...] = Field(min_length=1)


class RequiredSignal(Strict):
    """A source of scores without which nothing passes: missing, raising, late or not a number means review.

    Concepts under `recorded` are kept and not judged; so are those that no rule names. `texts` describe the concepts of
    a CLIP, each in one or more phrases.
    """

    source: str
    timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    recorded: tuple[str, ...] = ()
    texts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rules: tuple[ScoreRule, ...] = ()


class Bound(Strict):
    """A signal, as a shell pattern of `source.concept` or `source.concept@view`, and what it must lie above or below.

    Several signals may match; one within the bounds is enough. Without a view, a pattern means the pictures as they
    are and not comparisons between them.
    """

    signal: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("give the signal a bound: `above`, `below` or both")
        return self

    def holds(self, value: float) -> bool:
        """Whether `value` lies within."""
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class SignalRule(Strict):
    """Applies where every bound of `all` holds. Examples give scores by `source.concept` or `source.concept@view`."""

    id: RuleId
    category: str
    action: Action | None = None
    severity: Severity | None = None
    all: tuple[Bound, ...] = Field(min_length=1)
    positive: tuple[ScoreExample, ...] = Field(min_length=1)
    negative: tuple[ScoreExample, ...] = Field(min_length=1)
