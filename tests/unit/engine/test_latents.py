"""The latent mask, and pictures that are no pictures."""

from itertools import product

import numpy as np
import pytest
import torch

from storage.params import MaskedContent
from tests.unit.engine.requests import cell_mask, request
from worker.engine.devices import device_errors, pick_device
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.latents import PictureCodec, latent_mask, with_content
from worker.errors import DeviceLost, NumericalFailure, OutOfMemory
from worker.models import LoadedModel


@pytest.mark.parametrize(("row", "column"), list(product(range(8), range(8))))
def test_one_masked_pixel_marks_its_cell_wherever_it_lies(row: int, column: int) -> None:
    mask = np.zeros((32, 24), dtype=bool)
    mask[8 + row, 16 + column] = True
    cells = latent_mask(mask)
    assert cells.shape == (1, 1, 4, 3)
    assert cells.sum() == 1
    assert cells[0, 0, 1, 2] == 1


@pytest.mark.parametrize("content", list(MaskedContent))
def test_only_the_hole_gets_another_content(content: MaskedContent) -> None:
    latents = torch.randn(1, 4, 8, 8) + 5
    hole = latent_mask(cell_mask())
    inside = hole.bool().expand_as(latents)
    made, again = (with_content(latents, hole, content, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(made, again)
    assert torch.equal(made[~inside], latents[~inside])
    if content is MaskedContent.NOISE:
        assert abs(made[inside].mean()) < 0.3
        assert 0.7 < made[inside].std() < 1.3
    elif content is MaskedContent.BLANK:
        assert not made[inside].any()
    else:
        assert torch.equal(made, latents)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_latents_without_meaning_are_a_failure_not_a_black_picture(model: LoadedModel, value: float) -> None:
    latents = torch.zeros(1, 4, 8, 8)
    latents[0, 0, 0, 0] = value
    with pytest.raises(NumericalFailure, match="latents"):
        PictureCodec(model.vae).decode(latents)


def test_pixels_without_meaning_are_a_failure_too(model: LoadedModel) -> None:
    with pytest.raises(NumericalFailure, match="pixels"):
        PictureCodec(model.vae).decode(torch.full((1, 4, 8, 8), 3e38))


def test_numerical_failure_reaches_the_sender_and_spares_the_neighbour(model: LoadedModel) -> None:
    engine = Engine(DiffusersRunner(model))
    bad = engine.submit(request("bad", guidance_scale=float("inf")))
    good = engine.submit(request("good"))
    engine.start()
    with pytest.raises(NumericalFailure):
        bad.result(30)
    assert good.result(30).pixels.std() > 0
    engine.close()


@pytest.mark.parametrize(
    ("raised", "named"), [(torch.OutOfMemoryError, OutOfMemory), (torch.AcceleratorError, DeviceLost)]
)
def test_device_failures_get_their_names(raised: type[Exception], named: type[Exception]) -> None:
    with pytest.raises(named), device_errors():
        raise raised("CUDA error")


@pytest.mark.parametrize(
    ("status", "named"),
    [
        ("CUBLAS_STATUS_ALLOC_FAILED", OutOfMemory),
        ("CUBLAS_STATUS_EXECUTION_FAILED", DeviceLost),
        ("CUDNN_STATUS_INTERNAL_ERROR", DeviceLost),
        ("CUBLAS_STATUS_INVALID_VALUE", RuntimeError),
    ],
)
def test_libraries_report_the_devices_failures_as_their_own(status: str, named: type[Exception]) -> None:
    with pytest.raises(named) as caught, device_errors():
        raise RuntimeError(f"CUDA error: {status} when calling `cublasCreate(handle)`")
    assert type(caught.value) is named


def test_devices() -> None:
    assert pick_device("cpu").dtype is torch.float32
    assert pick_device("auto").kind in ("cpu", "cuda")
    with pytest.raises(DeviceLost, match="unknown device"):
        pick_device("gpu0")
