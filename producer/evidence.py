"""What the audit record is to know of a request that was judged at submit."""

from __future__ import annotations

import hashlib

from producer.inputs import Input, Inputs
from safety.policy import Policy
from safety.text_normal import fold
from safety.verdict import Verdict
from storage.audit import Decision, Pictures, PolicyId, Print, Prompts, Stage, Wording
from storage.emphasis import shown
from storage.params import InpaintParams, PromptSyntax


def prompt_decision(
    params: InpaintParams, verdict: Verdict, policy: Policy, inputs: Inputs, user: str | None
) -> Decision:
    """The decision on the prompts of `params`. Pictures are told by SHA-256 alone: the worker looks at them."""
    pictures = Pictures(_print(inputs.image), None if inputs.mask is None else _print(inputs.mask))
    rules = PolicyId(policy.name, policy.version, policy.sha256)
    return Decision.of_verdict(Stage.PROMPT, rules, verdict.audit_dict(), prompts_of(params), pictures, user)


def prompts_of(params: InpaintParams) -> Prompts:
    """Both prompts of a request, in every form that they pass through."""
    submitted = (params.prompt, params.negative_prompt)
    plain = params.prompt_syntax is PromptSyntax.PLAIN
    used = submitted if plain else tuple(shown(text, "")[0] for text in submitted)
    normalized = (fold(text)[0] for text in used)
    return Prompts(Wording(*submitted), Wording(*normalized), Wording(*used))


def _print(picture: Input) -> Print:
    return Print(hashlib.sha256(picture.data).hexdigest())
