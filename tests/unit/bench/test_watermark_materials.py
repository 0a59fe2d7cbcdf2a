"""What the watermark's benchmark does to pictures, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bench.watermark_attacks import Attack, attacks, mean_residual, tight_screenshot, without
from bench.watermark_drawings import DRAWINGS, FLATS, NOISES, PAGES
from bench.watermark_tally import Tally, psnr


@pytest.fixture(scope="module")
def drawing() -> Image.Image:
    return DRAWINGS["shapes"](np.random.default_rng(3))


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: f"{attack.row} {attack.variant}")
def test_an_attack_does_something_and_always_the_same(attack: Attack, drawing: Image.Image) -> None:
    before = drawing.tobytes()
    first, again = attack.change(drawing), attack.change(drawing)
    assert (first.mode, first.size) == ("RGB", again.size)
    assert first.tobytes() == again.tobytes() != before
    assert drawing.tobytes() == before, "the picture handed in stays as it was"


def test_a_third_cut_off_a_screenshot_leaves_two_thirds_of_each_side(drawing: Image.Image) -> None:
    assert tight_screenshot(0.8, drawing).size == (273, 273)


@pytest.mark.parametrize("group", [DRAWINGS, FLATS, NOISES, PAGES], ids=["drawings", "flats", "noises", "pages"])
def test_drawn_pictures_come_out_the_same_again(group: dict[str, object]) -> None:
    for draw in group.values():
        made = [draw(np.random.default_rng(1)) for _ in range(2)]  # type: ignore[operator]
        assert (made[0].mode, made[0].size) == ("RGB", (512, 512))
        assert made[0].tobytes() == made[1].tobytes()


def test_a_constant_mark_falls_to_its_mean_residual(drawing: Image.Image) -> None:
    mark = np.random.default_rng(4).integers(-3, 4, (512, 512, 3))
    pairs = []
    for level in (80, 120, 160):
        before = Image.new("RGB", drawing.size, (level, level, level))
        pairs.append((before, Image.fromarray((np.asarray(before) + mark).astype(np.uint8))))
    before, after = pairs[0]
    assert psnr(before, after) < 45
    assert without(mean_residual(pairs), 1.0, after).tobytes() == before.tobytes()


def test_the_worst_kind_is_named() -> None:
    tally = Tally()
    for kind, right in (("flat", 1.0), ("flat", 0.9), ("text", 1.0)):
        tally.add(kind, right)
    assert (tally.share, tally.worst) == (pytest.approx(2 / 3), "flat 50%")
