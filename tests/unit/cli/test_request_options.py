"""The options of `inpaintd submit` are the fields of a request, no more and no fewer, and send only what was given."""

from __future__ import annotations

from typing import Any

import click
import pytest

from producer.api.schemas import JobFields
from producer.cli.request_options import chosen, request_options
from storage.params import OutputParams


def sent(*arguments: str) -> dict[str, Any]:
    """What a request holds after these arguments."""

    @click.command()
    @request_options
    def command(**values: Any) -> dict[str, Any]:
        return chosen(values)

    result: dict[str, Any] = command.main(list(arguments), standalone_mode=False)
    return result


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ((), {}),
        (("--prompt", "a red circle", "--steps", "20"), {"prompt": "a red circle", "steps": 20}),
        (("--strength", "0.5", "--seed", "-1"), {"strength": 0.5, "seed": -1}),
        (("--mask-grow", "0", "--prompt", ""), {"mask_grow": 0, "prompt": ""}),
        (("--mask-invert",), {"mask_invert": True}),
        (("--no-mask-invert",), {"mask_invert": False}),
        (("--scheduler", "euler", "--priority", "bulk"), {"scheduler": "euler", "priority": "bulk"}),
        (("--output-format", "webp", "--no-output-keep-icc"), {"output": {"format": "webp", "keep_icc": False}}),
        (("--metadata", '{"order": 17}'), {"metadata": {"order": 17}}),
        (("--webhook-events", "a", "--webhook-events", "b"), {"webhook_events": ["a", "b"]}),
    ],
)
def test_only_what_was_given_is_sent_with_the_type_of_its_field(
    arguments: tuple[str, ...], fields: dict[str, Any]
) -> None:
    assert sent(*arguments) == fields


def test_every_field_of_a_request_has_an_option() -> None:
    @click.command()
    @request_options
    def command(**_: Any) -> None: ...

    nested = {f"output_{name}" for name in OutputParams.model_fields}
    assert {option.name for option in command.params} == (JobFields.model_fields.keys() - {"output"}) | nested
    assert all(isinstance(option, click.Option) and option.help for option in command.params)
    assert all(not str(option.help).startswith("[") for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize("text", ["{", "[1]", "7"])
def test_metadata_must_be_a_json_object(text: str) -> None:
    with pytest.raises(click.BadParameter, match="JSON"):
        sent("--metadata", text)
