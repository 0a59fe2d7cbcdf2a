"""Stable Diffusion 2: OpenCLIP's text encoder with its last layer left out, linear projections, velocity."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from storage.models import describe
from storage.params import SchedulerName
from tests.unit.engine.requests import request
from tests.unit.engine.solo import RecordingRunner, relative_error, solo
from tests.unit.engine.tiny_model import CPU, WIDTH, scheduler, text_config, tiny_pipeline, tiny_tokenizer
from worker.models import LoadedModel, load_model

# diffusers' sigma schedulers still convert tensors the way of NumPy 1.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning"),
]

TOLERANCE = 1e-5
LAYERS = 5


def sd2_pipeline(folder: Path) -> StableDiffusionInpaintPipeline:
    """The tiny model with the parts in which Stable Diffusion 2 differs from 1."""
    parts = tiny_pipeline(folder / "sd1")
    torch.manual_seed(13)
    text = {**text_config(), "num_hidden_layers": LAYERS, "hidden_act": "gelu", "projection_dim": 16}
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=9,
        block_out_channels=(32, 64),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=(4, 8),
        use_linear_projection=True,
        norm_num_groups=16,
    )
    return StableDiffusionInpaintPipeline(
        vae=parts.vae,
        text_encoder=CLIPTextModel(CLIPTextConfig(**text)).eval(),
        tokenizer=tiny_tokenizer(folder / "tokenizer", pad_token="a"),
        unet=unet.eval(),
        scheduler=scheduler(prediction_type="v_prediction"),
        safety_checker=parts.safety_checker,
        feature_extractor=parts.feature_extractor,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-sd2"
    sd2_pipeline(tmp_path_factory.mktemp("parts")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sd2(saved: Path) -> LoadedModel:
    return load_model(str(saved), CPU)


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("name", [SchedulerName.DEFAULT, SchedulerName.PNDM, SchedulerName.EULER, SchedulerName.UNIPC])
def test_every_picture_is_the_one_that_the_pipeline_makes(
    sd2: LoadedModel, name: SchedulerName, guidance: float
) -> None:
    item = request("r", scheduler=name, guidance_scale=guidance, strength=0.8)
    runner = RecordingRunner(sd2)
    trajectory = runner.begin(item)
    while trajectory.calls_left:
        runner.advance(trajectory, runner.predict([trajectory])[0])
    assert relative_error(trajectory.latents, solo(sd2, item, "latent")) <= TOLERANCE


def test_short_prompts_are_padded_as_its_tokenizer_does(sd2: LoadedModel) -> None:
    assert sd2.tokenizer.pad_token_id != sd2.tokenizer.eos_token_id


def test_clip_skip_goes_as_deep_as_its_own_text_encoder(saved: Path) -> None:
    assert describe("sd2", str(saved)).can.max_clip_skip == LAYERS - 1
