"""The checks, in the order in which a job meets them. Sources of signals are handed in; all of it fails closed."""

from collections.abc import Iterator, Sequence

from PIL.Image import Image

from safety.evidence import COMPOSITE, INPUT, REGION, Box, Evidence, SignalSource, Submission
from safety.mask_signals import MaskSource
from safety.policy import Policy
from safety.prompt_signals import PromptSource
from safety.scoring import judge, measure
from safety.verdict import Finding, Stage, Verdict


def check_prompt(prompt: str, negative_prompt: str, policy: Policy) -> Verdict:
    """Judge the words of a request, in about a millisecond. Spans are places in `prompt` as submitted."""
    return Verdict.of(policy.label, policy.prompt_rules.judge(prompt, negative_prompt))


def check_input(submission: Submission, policy: Policy, sources: Sequence[SignalSource]) -> Verdict:
    """Judge the picture to be edited and its mask, before any GPU work.

    The share of the mask and what the words speak of are measured here, so that rules can combine them with what
    `sources` see in the picture.
    """
    evidence = Evidence({INPUT: submission.image}, submission)
    own = (MaskSource(), PromptSource(policy.prompt_rules))
    signals = measure(evidence, policy.input_signals, (*own, *sources))
    findings = judge(signals, policy.input_signals, policy.input_rules, policy, Stage.REQUEST)
    return Verdict.of(policy.label, findings, signals)


def check_result(
    composite: Image, region: Box, policy: Policy, sources: Sequence[SignalSource], before: Image | None = None
) -> Verdict:
    """Judge what was made: the whole composite, and the edited region (left, top, right, bottom) by itself.

    A small edit is lost in a large picture and a crop lacks its surroundings, so both are judged, and the
    stricter judgement holds. With the input `before`, of the composite's size, what appeared can be judged too. The
    policy's notices come last. Raises ValueError when the region is empty or reaches outside the composite.
    """
    left, top, right, bottom = region
    if not (0 <= left < right <= composite.width and 0 <= top < bottom <= composite.height):
        raise ValueError(f"The edited region {region} must lie inside the {composite.size} composite.")
    # A copy: a source may scale or draw on what it is shown, even after its time is up.
    images = {COMPOSITE: composite.copy(), REGION: composite.crop(region)}
    signals = measure(Evidence(images, region=region, before=before), policy.result_signals, sources)
    findings = judge(signals, policy.result_signals, policy.result_rules, policy, Stage.RESULT)
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
