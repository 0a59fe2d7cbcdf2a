"""What the policy says about a request that nobody has sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from producer.errors import Refusal
from producer.evidence import prompts_of
from producer.prompts import judge_prompts
from safety.checks import check_input
from safety.evidence import Submission
from safety.policy import Policy
from safety.verdict import Verdict
from storage.audit import Prompts
from storage.masks import check_inputs
from storage.params import InpaintParams
from storage.pictures import PictureError

# What is measured without models, banks or a worker's libraries.
HERE = frozenset({"mask", "prompt"})


@dataclass(frozen=True, slots=True)
class Explained:
    """The verdict, the prompts in every form, and which required sources of signals could not be asked here."""

    verdict: Verdict
    prompts: Prompts
    unmeasured: tuple[str, ...] = ()


def explain_request(params: InpaintParams, image: bytes | None, mask: bytes | None, policy: Policy) -> Explained:
    """Judges the prompts and, where there is an `image`, what can be told of it without a model. Raises Refusal."""
    verdict = judge_prompts(params, policy)
    if image is None:
        return Explained(verdict, prompts_of(params))
    try:
        inputs = check_inputs(image, mask, params)
    except PictureError as error:
        raise Refusal.of_field(error.field, error.code, error.message) from error
    elsewhere = tuple(required.source for required in policy.input_signals if required.source not in HERE)
    asked = replace(policy, input_signals=tuple(one for one in policy.input_signals if one.source in HERE))
    picture, marked = Image.fromarray(inputs.image.rgb), Image.fromarray(inputs.mask)
    sent = Submission(picture, marked, image, inputs.image.content_type, params.prompt, verdict.findings)
    return Explained(Verdict.merge(verdict, check_input(sent, asked, [])), prompts_of(params), elsewhere)
