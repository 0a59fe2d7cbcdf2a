"""The visible label: legible on everything, nowhere else, and as high as it must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from safety.label import draw_label
from safety.label_schema import Corner, Label


@given(
    size=st.tuples(st.integers(64, 400), st.integers(64, 400)),
    corner=st.sampled_from(Corner),
    text=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=22),
    shade=st.sampled_from([0, 128, 255]),
    transparent=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_only_the_corner_changes_and_there_black_stands_beside_white(
    size: tuple[int, int], corner: Corner, text: str, shade: int, transparent: bool
) -> None:
    image = Image.new("RGBA", size, (shade, shade, shade, 0)) if transparent else Image.new("RGB", size, (shade,) * 3)
    labeled, (left, top, right, bottom) = draw_label(image, Label(text=f"AI{text}", corner=corner))
    before, after = np.asarray(image), np.asarray(labeled).copy()
    plate = after[top:bottom, left:right]
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    assert left == 0 or right == size[0]
    assert top == 0 or bottom == size[1]
    assert (plate[..., :3].min(), plate[..., :3].max() > 180) == (0, True)
    assert not transparent or (plate[..., 3] == 255).all()
    after[top:bottom, left:right] = before[top:bottom, left:right]
    assert np.array_equal(before, after)


@pytest.mark.parametrize(("size", "least"), [((512, 512), 26), ((2000, 1000), 50), ((64, 64), 8), ((3000, 64), 8)])
def test_capital_letters_are_as_high_as_is_asked(size: tuple[int, int], least: int) -> None:
    labeled, (left, top, right, bottom) = draw_label(Image.new("RGB", size), Label(text="H"))
    bright = np.asarray(labeled.convert("L"))[top:bottom, left:right] > 128
    assert least <= bright.any(axis=1).sum() <= least + 2


def test_a_label_stands_in_the_corner_that_is_named() -> None:
    boxes = {corner: draw_label(Image.new("RGB", (300, 200)), Label(text="AI", corner=corner))[1] for corner in Corner}
    assert [(box[0] == 0, box[1] == 0) for box in boxes.values()] == [
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"text": "AI", "share": 0.04}, "0.05"),
        ({"text": " "}, "at least 1"),
        ({"text": "a\nb"}, "on one line"),
        ({"text": "由AI编辑"}, "name a `font`"),
        ({"text": "AI", "font": Path("/nowhere.ttf")}, "cannot be read"),
        ({"text": "AI", "corner": "middle"}, "top-left"),
    ],
)
def test_a_label_that_could_not_be_drawn_is_refused_with_the_policy(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Label.model_validate(wrong)
