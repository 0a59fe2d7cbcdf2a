"""What there is to judge of a job's pictures, and what a source of scores for it looks like. Knows no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from PIL.Image import Image

from safety.classifier import ImageClassifier
from safety.own_mark import OwnMark
from safety.verdict import Finding

Box = tuple[int, int, int, int]
Scores = Mapping[str, Mapping[str, float]]
"""Scores by concept, by view; the view "" stands for the request as a whole."""

INPUT: Final = "input"
WHOLE: Final = ""
COMPOSITE: Final = "composite"
REGION: Final = "region"
BEFORE: Final = "before"
APPEARED: Final = "appeared"
ASIDE: Final = frozenset({BEFORE, APPEARED})
"""Views to compare with: what was there, and what the result has more of. Only rules that name them judge them."""


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """What a caller sent: the picture upright, the mask of its size (not black means repaint), its file, its words.

    `findings` are those of the prompt rules. Without `data`, nothing is known of the file; without `own_mark`, nothing
    of a mark in the picture.
    """

    image: Image
    mask: Image
    data: bytes = b""
    content_type: str = ""
    prompt: str = ""
    findings: tuple[Finding, ...] = ()
    own_mark: OwnMark | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The views that are judged by themselves, in order, and what they are to be compared with.

    Of an input: one view, and the `submission` it belongs to. Of a result: the composite and its edited `region`
    (left, top, right, bottom), and, where it is known, the input `before` the edit, of the composite's size.
    """

    images: Mapping[str, Image]
    submission: Submission | None = None
    region: Box | None = None
    before: Image | None = field(default=None, repr=False)


class SignalSource(Protocol):
    """Anything that measures evidence. `name` is how the policy refers to it; `version` goes into the audit record."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def measure(self, evidence: Evidence) -> Scores:
        """Named scores by view. May raise anything: the checks fail closed. Called from a thread of its own."""
        ...


class OfImages:
    """An image classifier as a source: each view by itself, and what the edited region has more of than before."""

    def __init__(self, classifier: ImageClassifier) -> None:
        self._classifier = classifier
        self.name = classifier.name
        self.version = classifier.version

    def measure(self, evidence: Evidence) -> Scores:
        """The classifier's scores; see SignalSource. Raises ValueError where some view got none."""
        views = dict(evidence.images)
        if evidence.before is not None and evidence.region is not None:
            views[BEFORE] = evidence.before.crop(evidence.region)
        scored = self._classifier.scores(list(views.values()))
        if len(scored) != len(views) or not all(scored):
            raise ValueError(f"scores for {sum(map(bool, scored))} of {len(views)} images")
        scores = dict(zip(views, scored, strict=True))
        if BEFORE in scores:
            scores[APPEARED] = _more(scores[REGION], scores[BEFORE])
        return scores


def _more(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {concept: float(score) - float(before[concept]) for concept, score in after.items()}


def of_images(classifiers: Sequence[ImageClassifier]) -> list[SignalSource]:
    """Each classifier as a source."""
    return [OfImages(classifier) for classifier in classifiers]
