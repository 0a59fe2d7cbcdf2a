"""The checks, in the order in which a job meets them. Classifiers are handed in; all of it fails closed."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL.Image import Image

from safety.classifier import ImageClassifier
from safety.policy import Policy
from safety.scoring import judge_images
from safety.verdict import Finding, Signal, Stage, Verdict

Box = tuple[int, int, int, int]
_OWN_BACKEND = "inpaintd"
_OWN_VERSION = "1"


def check_prompt(prompt: str, negative_prompt: str, policy: Policy) -> Verdict:
    """Judge the words of a request, in about a millisecond. Spans are places in `prompt` as submitted."""
    return Verdict.of(policy.label, policy.prompt_rules.judge(prompt, negative_prompt))


def check_input(image: Image, mask: Image, policy: Policy, classifiers: Sequence[ImageClassifier]) -> Verdict:
    """Judge the picture to be edited, before any GPU work.

    `mask` is as large as `image`; what is not black in it will be repainted, and that share is kept as a signal.
    """
    findings, signals = judge_images({"input": image}, policy.input_classifiers, policy, classifiers, Stage.REQUEST)
    share = float(np.count_nonzero(np.asarray(mask.convert("L")))) / (mask.width * mask.height)
    area = Signal("mask.area", share, None, _OWN_BACKEND, _OWN_VERSION)
    return Verdict.of(policy.label, findings, (area, *signals))


def check_result(composite: Image, region: Box, policy: Policy, classifiers: Sequence[ImageClassifier]) -> Verdict:
    """Judge what was made: the whole composite, and the edited region (left, top, right, bottom) by itself.

    A small edit is lost in a large picture and a crop lacks its surroundings, so both are judged, and the
    stricter judgement holds. The policy's notices come last. Raises ValueError when the region is empty or
    reaches outside the composite.
    """
    left, top, right, bottom = region
    if not (0 <= left < right <= composite.width and 0 <= top < bottom <= composite.height):
        raise ValueError(f"The edited region {region} must lie inside the {composite.size} composite.")
    images = {"composite": composite, "region": composite.crop(region)}
    findings, signals = judge_images(images, policy.result_classifiers, policy, classifiers, Stage.RESULT)
    return Verdict.of(policy.label, (*findings, *_notices(policy)), signals)


def _notices(policy: Policy) -> Iterator[Finding]:
    for name in policy.notices:
        category = policy.categories[name]
        yield Finding(
            rule=f"notice.{name}",
            category=name,
            severity=category.severity,
            stage=Stage.RESULT,
            action=category.action,
            detail=category.message,
        )
