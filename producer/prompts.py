"""The prompts of an order: judged as the model will read them."""

from __future__ import annotations

from dataclasses import replace

from producer.errors import FieldError, Refusal
from safety.checks import check_prompt
from safety.policy import Policy
from safety.verdict import Finding, Verdict
from storage.emphasis import MAX_WEIGHT, is_overweight, shown
from storage.params import InpaintParams, PromptSyntax

_SEAMS = ("|", "")
"""What stands for brackets inside a word: a sign, at which it may be one word or several, or nothing at all."""


def judge_prompts(params: InpaintParams, policy: Policy) -> Verdict:
    """What the policy says about both prompts; spans are places in `params.prompt` as it was sent.

    Where brackets have a meaning they are taken off first, so that they neither hide a word nor count as one.
    Raises Refusal `out_of_range` for a weight that leaves nothing of a prompt.
    """
    if params.prompt_syntax is PromptSyntax.PLAIN:
        return check_prompt(params.prompt, params.negative_prompt, policy)
    _refuse_overweight(params)
    findings = {finding.rule: finding for seam in _SEAMS for finding in _findings(params, policy, seam)}
    return Verdict.of(policy.label, findings.values())


def _findings(params: InpaintParams, policy: Policy, seam: str) -> list[Finding]:
    prompt, places = shown(params.prompt, seam)
    negative, _ = shown(params.negative_prompt, seam)
    return [_moved(finding, places) for finding in check_prompt(prompt, negative, policy).findings]


def _refuse_overweight(params: InpaintParams) -> None:
    prompts = {"prompt": params.prompt, "negative_prompt": params.negative_prompt}
    message = f"A weight is beyond {MAX_WEIGHT:g}: weights of 0.5 to 1.5 are usual."
    errors = [FieldError(name, "out_of_range", message) for name, text in prompts.items() if is_overweight(text)]
    if errors:
        raise Refusal.of_fields(errors)


def _moved(finding: Finding, places: list[int]) -> Finding:
    if finding.span is None:
        return finding
    start, end = finding.span
    return replace(finding, span=(places[start], places[end - 1] + 1))
