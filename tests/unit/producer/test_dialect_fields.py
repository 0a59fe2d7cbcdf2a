"""No dialect drops a field in silence, whatever it is called and whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producer.api.forms import Part
from producer.api.schemas import JobFields
from producer.dialects.a1111.request import read_img2img
from producer.dialects.fal.request import read_submission
from producer.dialects.given import Given
from producer.dialects.intake import Understood
from producer.dialects.openai.edit import read_edit
from producer.dialects.replicate.request import PredictionRequest, read_prediction
from producer.errors import Refusal
from producer.services import Services
from storage.models import describe

SERVICES = cast(Services, SimpleNamespace(models={"default": describe("default", "pocket")}))
URI = "data:image/png;base64,AAAA"


def _edit(extra: dict[str, Any]) -> Understood:
    image, mask = Part("image", True, bytearray(b"x")), Part("mask", True, bytearray(b"x"))
    texts = {name: Part(name, False, bytearray(str(value).encode())) for name, value in extra.items()}
    return read_edit({**texts, "image": image, "mask": mask}, SERVICES).understood


def _predict(extra: dict[str, Any]) -> Understood:
    asked = PredictionRequest(version="default", input={**extra, "image": URI, "mask": URI})
    return read_prediction(asked, None, {}, "", SERVICES)


READERS: dict[str, Callable[[dict[str, Any]], Understood]] = {
    "openai": _edit,
    "replicate": _predict,
    "a1111": lambda extra: read_img2img({**extra, "init_images": [URI], "mask": URI}, SERVICES),
    "fal": lambda extra: read_submission(
        {**extra, "image_url": URI, "mask_url": URI}, "inpaintd/default", None, {}, SERVICES
    ),
}
VALUES = st.one_of(st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))


# No dialect has a name with a dash, whatever Hypothesis finds in the source of one.
NOBODYS = st.text(st.characters(codec="ascii", min_codepoint=33), max_size=20).map(lambda text: f"x-{text}")


@pytest.mark.parametrize("name", READERS)
@given(field=NOBODYS, value=VALUES)
@example(field="webhook_events", value=["job.started"])
def test_a_field_of_nobodys_is_refused(name: str, field: str, value: Any) -> None:
    with pytest.raises(Refusal):
        READERS[name]({field: value})


OWN = {
    "negative_prompt": "blue",
    "mask_grow": 3,
    "mask_blur": 9,
    "seed": 5,
    "priority": "bulk",
    "deadline_seconds": 60,
    "batch": "spring",
    "user": "ann",
    "color_match": "histogram",
}


def test_the_sample_is_of_our_fields() -> None:
    assert OWN.keys() <= JobFields.model_fields.keys()


@pytest.mark.parametrize("name", READERS)
@given(names=st.sets(st.sampled_from(sorted(OWN))))
def test_our_own_fields_reach_the_order(name: str, names: set[str]) -> None:
    order = READERS[name]({field: OWN[field] for field in names}).order
    reached = {**order.params.model_dump(), **{key: getattr(order, key) for key in order.__slots__}}
    assert {field: reached[field] for field in names} == {field: OWN[field] for field in names}
    assert order.metadata == {"dialect": name}


@given(st.dictionaries(st.text(max_size=5), VALUES))
def test_what_was_given_is_there_in_the_end(values: dict[str, Any]) -> None:
    asked = Given(values)
    assert asked.finish() == values
    assert asked.names.keys() == values.keys()
