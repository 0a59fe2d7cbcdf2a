"""Both prompts are read by the same rules, and what is not read is told: invariants 23 and 24."""

from __future__ import annotations

import pytest
import torch

from storage.job import JobState
from storage.params import PromptSyntax
from tests.invariants.road import paint
from tests.unit.engine.requests import request
from tests.unit.worker.workbench import Bench
from worker.models import LoadedModel


@pytest.mark.parametrize(("syntax", "written"), [(PromptSyntax.PLAIN, "{}"), (PromptSyntax.A1111, "(({}:1.2))")])
def test_dropped_words_of_both_prompts_stand_in_the_receipt(
    with_model: Bench, syntax: PromptSyntax, written: str
) -> None:
    prompt, negative = "a" * 70 + " tree ball", "b" * 73 + " ugly"
    fields = {"prompt": written.format(prompt), "negative_prompt": written.format(negative), "prompt_syntax": syntax}
    done = with_model.run(steps=1, long_prompt="truncate", **fields)
    # The first five letters of "tree ball" and the first two of "ugly" found room.
    assert done.receipt["dropped_text"] == {"prompt": "all", "negative_prompt": "ly"}
    assert with_model.run(steps=1, **fields).receipt["dropped_text"] == {"prompt": "", "negative_prompt": ""}


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_that_is_too_long_is_refused_by_its_name_if_so_asked(with_model: Bench, field: str) -> None:
    failed = with_model.run(steps=1, long_prompt="reject", **{field: "a" * 80})
    assert failed.error is not None
    assert (failed.state, failed.error.code) == (JobState.FAILED, "prompt_too_long")
    assert failed.error.message.startswith(f"{field} has 80 tokens")


@pytest.mark.parametrize("change", [{"clip_skip": 1}, {"prompt_syntax": PromptSyntax.A1111}])
def test_both_prompts_are_read_by_the_same_rules(model: LoadedModel, change: dict[str, object]) -> None:
    """What the UNet is given, with the prompts swapped: the halves swap, and nothing else."""
    given: list[torch.Tensor] = []
    hook = model.unet.register_forward_pre_hook(lambda _, arguments: given.append(arguments[2].clone()))
    for one, other, settings in (("(ball)", "[tree]", change), ("[tree]", "(ball)", change), ("(ball)", "[tree]", {})):
        paint(model, request("r", prompt=one, negative_prompt=other, steps=1, **settings))
    hook.remove()
    asked, swapped, plain = given
    assert torch.equal(asked, swapped.flip(0))
    assert not torch.allclose(asked[0], plain[0])
    assert not torch.allclose(asked[1], plain[1])
