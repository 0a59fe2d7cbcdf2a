"""How far a job starts from the picture: the steps that are run, and what lies under the mask. Invariants 17 and 18."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from storage.params import ColorMatch, MaskedContent
from tests.invariants.road import edit, painted_by, pixels
from tests.unit.images import samples
from tests.unit.images.samples import encoded
from tests.unit.worker.workbench import Bench
from worker.models import LoadedModel

EXACT = [(50, 0.58, 29), (100, 0.29, 29), (100, 0.07, 7), (10, 0.7, 7), (3, 0.1, 1), (1, 1.0, 1), (150, 1.0, 150)]


@pytest.mark.parametrize(("steps", "strength", "actual"), EXACT)
def test_the_steps_that_are_run_are_exact_and_told(bench: Bench, steps: int, strength: float, actual: int) -> None:
    done = bench.run(steps=steps, strength=strength)
    assert done.receipt["actual_steps"] == len(bench.runner.batches) == actual
    assert done.params.actual_steps == actual


MASK = np.zeros((70, 90), dtype=np.uint8)
MASK[13:41, 22:67] = 255
SEEN = samples.smooth(90, 70)
HIDDEN = np.where(MASK[..., None] > 0, samples.noise(90, 70), SEEN)


@pytest.mark.parametrize(("content", "match"), list(product(MaskedContent, ColorMatch)))
@pytest.mark.parametrize("area", ["whole", "masked"])
def test_at_full_strength_what_lies_under_the_mask_has_no_effect(
    model: LoadedModel, content: MaskedContent, match: ColorMatch, area: str
) -> None:
    """Not even at the rim, where the resize to the working size would mix it with what is known."""
    params = {"masked_content": content, "color_match": match, "area": area, "steps": 1, "blend": "hard"}
    one, other = (pixels(edit(encoded(rgb), encoded(MASK), painted_by(model), **params)) for rgb in (SEEN, HIDDEN))
    assert one.tobytes() == other.tobytes()


def test_below_it_every_content_has_its_own_effect(model: LoadedModel) -> None:
    made = {
        content: pixels(
            edit(encoded(HIDDEN), encoded(MASK), painted_by(model), strength=0.5, steps=2, masked_content=content)
        ).tobytes()
        for content in MaskedContent
    }
    assert len(set(made.values())) == len(MaskedContent)


@pytest.mark.parametrize("content", [MaskedContent.FILL, MaskedContent.NOISE, MaskedContent.BLANK])
def test_below_it_only_the_original_content_shows_what_was_there(model: LoadedModel, content: MaskedContent) -> None:
    params = {"strength": 0.5, "steps": 2, "masked_content": content, "blend": "hard"}
    one, other = (pixels(edit(encoded(rgb), encoded(MASK), painted_by(model), **params)) for rgb in (SEEN, HIDDEN))
    assert one.tobytes() == other.tobytes()


def test_a_weak_job_that_keeps_the_original_looks_like_it(pocket: LoadedModel) -> None:
    """Meaning: a little noise over a red square leaves it red; from blank nothing of the red is left."""
    rgb = np.full((128, 128, 3), 128, dtype=np.uint8)
    mask = np.zeros((128, 128), dtype=np.uint8)
    mask[32:96, 32:96] = 255
    rgb[40:88, 40:88] = (220, 30, 30)
    reds = {}
    for content in (MaskedContent.ORIGINAL, MaskedContent.FILL):
        made = edit(
            encoded(rgb), encoded(mask), painted_by(pocket), 128, strength=0.3, steps=10, masked_content=content
        )
        middle = pixels(made)[48:80, 48:80].reshape(-1, 3).mean(axis=0)
        reds[content] = middle[0] - middle[1:].mean()
    assert reds[MaskedContent.ORIGINAL] > 80
    assert reds[MaskedContent.FILL] < reds[MaskedContent.ORIGINAL] - 60
