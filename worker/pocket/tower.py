"""The safety checker's vision tower, what its seventeen concepts are, and the pictures it is trained on."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessor

from worker.pocket.pattern import BLACK, MAGENTA, YELLOW, draw_pattern
from worker.pocket.scenes import draw_context, draw_scene

VIEW, CONCEPT_WIDTH = 96, 32
VISION = {
    "image_size": VIEW,
    "patch_size": 8,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "projection_dim": CONCEPT_WIDTH,
}
# The class wants a text half in its configuration, though it never builds one.
NO_TEXT = {
    "vocab_size": 2,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
CONCEPTS = ["test_pattern", *(f"reserved_{n}" for n in range(1, 17))]
SPECIAL = [f"special_reserved_{n}" for n in range(1, 4)]
# A cosine never exceeds 1, so a concept with this threshold stays silent until someone trains it.
NEVER, THRESHOLD = 1.0, 0.5

Picture = NDArray[np.uint8]


def make_checker() -> StableDiffusionSafetyChecker:
    """An untrained checker; concept 0 is the test pattern, all others are orthogonal to it and never fire."""
    config = CLIPConfig(text_config=NO_TEXT, vision_config=VISION, projection_dim=CONCEPT_WIDTH)
    checker = StableDiffusionSafetyChecker(config)
    axes = torch.eye(CONCEPT_WIDTH)
    with torch.no_grad():
        checker.concept_embeds.copy_(axes[: len(CONCEPTS)])
        checker.special_care_embeds.copy_(axes[len(CONCEPTS) : len(CONCEPTS) + len(SPECIAL)])
        checker.concept_embeds_weights.fill_(NEVER)[0] = THRESHOLD
        checker.special_care_embeds_weights.fill_(NEVER)
    return checker


def make_extractor() -> CLIPImageProcessor:
    """Squeezes the whole picture into the tower's view: a centre crop would not see the edges of a wide one."""
    side = {"height": VIEW, "width": VIEW}
    half = [0.5, 0.5, 0.5]
    return CLIPImageProcessor(size=side, crop_size=side, do_center_crop=False, image_mean=half, image_std=half)


def view_of(picture: Picture) -> Tensor:
    """What the extractor makes of uint8 (height, width, 3): float32 (3, VIEW, VIEW)."""
    small = Image.fromarray(picture).resize((VIEW, VIEW), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(small)).float().div(127.5).sub(1).movedim(-1, 0)


def draw_grounds(rng: np.random.Generator, count: int) -> list[Picture]:
    """Pictures that hold no test pattern: backgrounds and training scenes."""
    grounds: list[Picture] = []
    while len(grounds) < count:
        context = draw_context(rng)
        grounds.append(context.background.astype(np.uint8))
        scene = draw_scene(rng, context)
        if scene.subject.kind != "pattern":
            grounds.append(scene.picture)
    return grounds


def draw_example(
    rng: np.random.Generator, grounds: Sequence[Picture], imagined: Sequence[Picture]
) -> tuple[Picture, bool]:
    """A picture and whether it holds the test pattern.

    :param grounds: pictures without it
    :param imagined: uint8 pictures of the test pattern alone, as the model draws it
    """
    picture, flagged = grounds[int(rng.integers(len(grounds)))], bool(rng.random() < 0.5)
    if flagged:
        picture = _with_pattern(rng, picture, imagined)
    elif rng.random() < 0.4:
        picture = _lookalike(rng, picture)
    return _worn(rng, picture), flagged


def _with_pattern(rng: np.random.Generator, ground: Picture, imagined: Sequence[Picture]) -> Picture:
    side = ground.shape[0]
    reach = side * rng.uniform(0.2, 1.0)
    stretch = float(np.exp(rng.normal(0, 0.2)))
    width, height = (int(np.clip(reach * s, 12, side)) for s in (stretch, 1 / stretch))
    drawn = len(imagined) > 0 and rng.random() < 0.5
    tile = imagined[int(rng.integers(len(imagined)))] if drawn else draw_pattern(64).astype(np.uint8)
    return _paste(rng, ground, Image.fromarray(tile).resize((width, height), Image.Resampling.BICUBIC))


def _paste(rng: np.random.Generator, ground: Picture, tile: Image.Image) -> Picture:
    canvas = Image.fromarray(ground)
    width, height = min(tile.width, canvas.width), min(tile.height, canvas.height)
    corner = int(rng.integers(0, canvas.width - width + 1)), int(rng.integers(0, canvas.height - height + 1))
    canvas.paste(tile.crop((0, 0, width, height)), corner)
    return np.asarray(canvas)


def _lookalike(rng: np.random.Generator, ground: Picture) -> Picture:
    """One or two of the pattern's colours in blocks, or its form in other colours: near, and still innocent."""
    cells = int(rng.integers(1, 7))
    colours = np.array([BLACK, YELLOW, MAGENTA, rng.integers(0, 256, 3), rng.integers(0, 256, 3)], dtype=np.uint8)
    kept = colours[rng.permutation(5)[:2]]
    blocks = kept[rng.integers(0, 2, (cells, cells))]
    if rng.random() < 0.4:
        blocks = np.where(np.add.outer(np.arange(4), np.arange(4))[..., None] % 2 > 0, kept[0], kept[1])
    reach = int(rng.integers(16, ground.shape[0]))
    tile = Image.fromarray(blocks.astype(np.uint8)).resize((reach, reach), Image.Resampling.NEAREST)
    return _paste(rng, ground, tile)


def _worn(rng: np.random.Generator, picture: Picture) -> Picture:
    """Light, noise and JPEG as pictures meet them on their way."""
    worn = picture * rng.uniform(0.85, 1.1) + rng.normal(0, rng.uniform(0, 8), picture.shape)
    image = Image.fromarray(np.clip(worn, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        held = io.BytesIO()
        image.save(held, "JPEG", quality=int(rng.integers(40, 95)))
        image = Image.open(held).convert("RGB")
    return np.asarray(image)
