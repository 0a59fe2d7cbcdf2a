"""Which pixels are repainted, from the caller's file to the cells the model reads: invariants 6 to 11."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

from storage.job import JobState
from storage.pictures import PictureError
from tests.invariants.road import constant, edit, noise, paint, painted_by, pixels, white_box
from tests.unit.engine.requests import request
from tests.unit.images import samples
from tests.unit.images.samples import encoded
from tests.unit.worker.workbench import SIDE, Bench
from worker.models import LoadedModel

PHOTO = encoded(samples.smooth(SIDE, SIDE))


@pytest.mark.parametrize(("mask", "params"), [(0, {}), (0, {"mask_threshold": 0.0}), (255, {"mask_invert": True})])
def test_an_empty_mask_is_refused_by_its_name_before_the_engine_hears_of_it(
    bench: Bench, mask: int, params: dict[str, object]
) -> None:
    job = bench.store(**params)
    assert job.mask_key is not None
    bench.objects.put(job.mask_key, encoded(np.full((SIDE, SIDE), mask, np.uint8)), "image/png")
    bench.execute(job)
    row = bench.row(job)
    assert row.error is not None
    assert (row.state, row.error.code, row.error.retryable) == (JobState.FAILED, "mask_empty", False)
    assert "selects no pixel" in row.error.message
    assert (bench.runner.batches, bench.made()) == ([], [])


def test_a_mask_that_shrinks_to_nothing_is_refused_before_the_engine_too(bench: Bench) -> None:
    row = bench.run(mask_grow=-64)
    assert row.error is not None
    assert (row.error.code, bench.runner.batches) == ("mask_empty", [])
    assert "mask_grow" in row.error.message


@pytest.mark.parametrize("place", [(0, 0), (95, 0), (0, 95), (95, 95), (41, 57)])
def test_one_masked_pixel_is_a_job(model: LoadedModel, place: tuple[int, int]) -> None:
    left, top = place
    rgb = samples.smooth(SIDE, SIDE)
    made = edit(PHOTO, white_box(SIDE, SIDE, left, top, left + 1, top + 1), painted_by(model), steps=1, blend="hard")
    assert np.argwhere(made.support).tolist() == [[top, left]]
    assert (pixels(made) != rgb).any(axis=2).sum() <= 1


def test_a_full_mask_is_a_job(model: LoadedModel) -> None:
    made = edit(PHOTO, white_box(SIDE, SIDE, 0, 0, SIDE, SIDE), painted_by(model), steps=1)
    assert made.support.all()
    assert made.untouched["pixels"] == 0


def test_every_masked_pixel_reaches_the_unet_at_all_64_offsets(model: LoadedModel) -> None:
    """What the network itself is given, so that no part of the road can lose it."""
    seen: list[torch.Tensor] = []
    hook = model.unet.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0][:, 4:5].clone()))
    asked = []
    for row, column in product(range(8), repeat=2):
        mask = np.zeros((64, 64), dtype=np.bool_)
        mask[24 + row, 40 + column] = True
        asked.append(request(f"{row}{column}", mask=mask, steps=1, guidance_scale=1.0))
    paint(model, *asked)
    hook.remove()
    cells = torch.cat(seen)
    assert cells.shape == (64, 1, 8, 8)
    assert (cells.sum(dim=(1, 2, 3)) == 1).all()
    assert (cells[:, 0, 3, 5] == 1).all()


@pytest.mark.parametrize("quality", [75, 95])
def test_a_jpeg_mask_makes_the_job_of_its_png(quality: int) -> None:
    drawn = np.zeros((97, 211), dtype=np.uint8)
    drawn[21:66, 58:113] = 255
    photo = encoded(samples.noise(211, 97))
    by_png, by_jpeg = (
        edit(photo, mask, constant(9), area="masked", blend="hard")
        for mask in (encoded(drawn), encoded(drawn, "JPEG", quality=quality))
    )
    assert by_png.region == by_jpeg.region == (58, 21, 113, 66)
    assert np.array_equal(by_png.support, by_jpeg.support)


def test_grey_is_painted_from_the_threshold_on_and_never_by_half() -> None:
    ramp = np.tile(np.arange(128, dtype=np.uint8) * 2, (64, 1))
    photo = encoded(np.zeros((64, 128, 3), np.uint8))
    for threshold, first in ((0.25, 32), (0.5, 64), (0.75, 96)):
        made = pixels(edit(photo, encoded(ramp), constant(200), blend="hard", mask_threshold=threshold))[..., 0]
        assert (made[:, first:] == 200).all()
        assert (made[:, :first] == 0).all()
    with pytest.raises(PictureError) as caught:
        edit(photo, encoded(ramp // 8), constant(200))
    assert caught.value.code == "mask_empty"


def test_one_mask_in_every_mode_is_one_job() -> None:
    drawn = np.zeros((97, 211), dtype=np.uint8)
    drawn[21:66, 58:113] = 255
    grey = Image.fromarray(drawn)
    dresses = {mode: encoded(grey.convert(mode)) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")}
    dresses["I;16"] = encoded(drawn.astype(np.uint16) * 257)
    photo = encoded(samples.noise(211, 97))
    made = {mode: pixels(edit(photo, mask, noise())).tobytes() for mode, mask in dresses.items()}
    assert len(made) == 7
    assert len(set(made.values())) == 1


@pytest.mark.parametrize("size", [(210, 97), (211, 98), (97, 211), (422, 194)])
def test_a_mask_of_another_size_is_refused_never_stretched(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError) as caught:
        edit(encoded(samples.noise(211, 97)), white_box(*size, 10, 10, 30, 30), noise())
    assert caught.value.code == "mask_size_mismatch"
