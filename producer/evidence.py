"""What the audit record is to know of a request that was judged at submit."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from producer.inputs import Input, Inputs
from safety.hashes import pdq
from safety.policy import Policy
from safety.text_normal import fold
from safety.verdict import Action, Verdict
from storage.audit import Decision, Pictures, PolicyId, Print, Prompts, Stage, Wording
from storage.emphasis import shown
from storage.params import InpaintParams, PromptSyntax
from storage.pictures import open_picture


def prompt_decision(
    params: InpaintParams, verdict: Verdict, policy: Policy, inputs: Inputs, user: str | None
) -> Decision:
    """The decision on the prompts of `params`.

    Of pictures that a worker will look at, SHA-256 suffices here; a refused request gets no further, so its pictures
    are also hashed by what they show.
    """
    taken = _seen if verdict.action is Action.BLOCK else _print
    pictures = Pictures(taken(inputs.image), None if inputs.mask is None else taken(inputs.mask))
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
    return Print(picture.sha256)


def _seen(picture: Input) -> Print:
    found = pdq(Image.fromarray(open_picture(picture.read(), as_mask=True).rgb))
    return replace(_print(picture), pdq=found.hex, quality=found.quality)
