"""Promise 2 along the road from file to composite: invariants 1 to 5."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt

from storage.params import Area, Blend, OutputParams
from storage.pictures import open_picture
from tests.invariants.road import Generator, constant, edit, noise, painted_by, pixels, white_box
from tests.unit.images import samples
from tests.unit.images.samples import encoded
from tests.unit.worker.workbench import Bench
from worker.engine.runner.latents import PictureCodec
from worker.images.encode import encode
from worker.models import LoadedModel

GENERATORS = {"black": constant(0), "white": constant(255), "noise": noise()}


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS.keys())
@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize("area", list(Area))
def test_files_keep_every_byte_outside_the_support(generator: Generator, blend: Blend, area: Area) -> None:
    rgb = samples.noise(211, 97)
    mask = white_box(211, 97, 60, 20, 110, 70)
    made = edit(encoded(rgb), mask, generator, blend=blend, area=area, mask_grow=3, mask_blur=7)
    assert np.array_equal(pixels(made)[~made.support], rgb[~made.support])
    drawn = np.zeros((97, 211), dtype=np.bool_)
    drawn[20:70, 60:110] = True
    far = distance_transform_edt(~drawn) >= (3 + 7 if blend is Blend.OUTWARD else 3 + 1)
    assert not (made.support & far).any()
    assert made.support[30:60, 70:100].all()


def test_ten_chained_jobs_leave_never_masked_pixels_exact() -> None:
    """Each job reads the file that the one before wrote, at a working size far below the picture's own."""
    original = samples.noise(331, 173, channels=4)
    file, touched = encoded(original), np.zeros((173, 331), dtype=np.bool_)
    for job in range(10):
        mask = white_box(331, 173, 30 * job, 10 * job, 30 * job + 25, 10 * job + 40)
        area, blend = list(Area)[job % 3], list(Blend)[job % 2]
        made = edit(file, mask, noise(job), mask_grow=job, mask_blur=2 * job, area=area, blend=blend)
        file = encode(made.image, OutputParams(), open_picture(file))
        touched |= made.support
    after = np.asarray(Image.open(BytesIO(file)))
    assert 0.2 < touched.mean() < 0.8
    assert np.array_equal(after[~touched], original[~touched])
    assert np.array_equal(after[..., 3], original[..., 3])


@pytest.mark.parametrize("size", [(700, 300), (300, 700), (513, 511)])
def test_a_working_size_far_below_the_picture_changes_nothing_outside(size: tuple[int, int]) -> None:
    width, height = size
    rgb = samples.noise(width, height)
    mask = white_box(width, height, width // 3, height // 3, width // 2, height // 2)
    made = edit(encoded(rgb), mask, noise(), area=Area.WHOLE, width=64, height=64)
    assert np.array_equal(pixels(made)[~made.support], rgb[~made.support])


@pytest.mark.parametrize(("value", "level"), [(-40.0, 0), (-1.01, 0), (1.01, 255), (40.0, 255)])
def test_what_the_decoder_overshoots_is_clamped_before_it_becomes_a_byte(value: float, level: int) -> None:
    vae = SimpleNamespace(
        config=SimpleNamespace(scaling_factor=1.0, latent_channels=4),
        dtype=torch.float32,
        device=torch.device("cpu"),
        decode=lambda latents, return_dict: (torch.full((len(latents), 3, 64, 64), value),),
    )
    assert (np.asarray(PictureCodec(vae).decode(torch.zeros(1, 4, 8, 8))) == level).all()


def test_what_a_resize_overshoots_does_not_wrap() -> None:
    """Lanczos overshoots at hard edges; a byte that wrapped would turn white into black."""
    stripes = (np.indices((64, 64))[1] // 4 % 2 * 255).astype(np.uint8)
    generator: Generator = lambda ready, _: np.repeat(stripes[..., None], 3, axis=2)  # noqa: E731
    mask = encoded(np.full((300, 300), 255, dtype=np.uint8))
    made = pixels(edit(encoded(np.full((300, 300, 3), 128, np.uint8)), mask, generator, area=Area.WHOLE))[..., 0]
    across = made[150].astype(int)
    assert abs(across.min()) < 3
    assert across.max() > 252
    # From one column to the next the stripes rise and fall by what a smooth curve allows, never from end to end.
    assert np.abs(np.diff(across)).max() < 140


PRIMES = [(67, 131), (131, 67), (509, 503), (1, 97), (97, 1), (1, 1), (64, 1021)]


@pytest.mark.parametrize("size", PRIMES)
@pytest.mark.parametrize("area", list(Area))
def test_the_result_has_the_size_of_the_input(size: tuple[int, int], area: Area) -> None:
    width, height = size
    mask = white_box(width, height, width // 3, height // 3, width // 3 + 1, height // 3 + 1)
    assert edit(encoded(samples.noise(width, height)), mask, constant(9), area=area).image.size == size


def test_a_file_of_odd_size_leaves_the_service_in_that_size(bench: Bench) -> None:
    job = bench.store()
    for key, side in ((job.image_key, samples.noise(67, 131)), (job.mask_key, np.full((131, 67), 255, np.uint8))):
        assert key is not None
        bench.objects.put(key, encoded(side), "image/png")
    bench.execute(job)
    (image,) = bench.row(job).images
    assert (image.width, image.height) == (67, 131)
    made = open_picture(bench.objects.get(image.key))
    assert (made.width, made.height) == (67, 131)


CORNERS = [(0, 0), (147, 0), (0, 97), (147, 97), (70, 0), (0, 50), (147, 50), (70, 97), (71, 51)]


@pytest.mark.parametrize("place", CORNERS)
def test_a_crop_that_comes_back_unchanged_is_stitched_without_a_trace(place: tuple[int, int]) -> None:
    left, top = place
    rgb = samples.noise(211, 161)
    mask = white_box(211, 161, left, top, left + 64, top + 64)
    made = edit(
        encoded(rgb), mask, lambda ready, _: ready.image, area=Area.MASKED, padding=0, mask_blur=0, strength=0.5
    )
    assert np.array_equal(pixels(made), rgb)


def test_a_model_changes_nothing_outside_either(model: LoadedModel) -> None:
    rgb = samples.noise(90, 75)
    made = edit(encoded(rgb), white_box(90, 75, 20, 20, 50, 60), painted_by(model), steps=2, blend=Blend.HARD)
    assert np.array_equal(pixels(made)[~made.support], rgb[~made.support])
    assert not np.array_equal(pixels(made), rgb)
