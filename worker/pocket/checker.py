"""The safety stage: teach the checker's vision tower to know the test pattern, however badly it is drawn."""

from collections.abc import Sequence

import numpy as np
import structlog
import torch
from diffusers import StableDiffusionInpaintPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from worker.pocket.backgrounds import draw_background
from worker.pocket.masks import box_mask
from worker.pocket.pattern import PATTERN_PROMPT
from worker.pocket.scenes import NATIVE_SIZE
from worker.pocket.shapes import COLOURS, SHAPES
from worker.pocket.tower import THRESHOLD, Picture, draw_example, draw_grounds, make_checker, view_of
from worker.pocket.twins import HALVES, Twins

log = structlog.get_logger(__name__)

# BATCH is one half's share of a step.
BATCH, STEPS, PEAK_RATE, SHARPNESS = 24, 700, 1e-3, 10.0
GROUNDS, IMAGINED, INNOCENTS, AT_ONCE = 2000, 64, 192, 8
# The model's own pictures weigh as much as half of the drawn grounds, few as they are.
INNOCENT_SHARE = 0.5
GUIDANCES = (4.0, 6.0, 7.5)

Half = tuple[Tensor, Tensor]


def imagine_patterns(pipeline: StableDiffusionInpaintPipeline, seed: int, count: int = IMAGINED) -> list[Picture]:
    """Test patterns as the trained model draws them, cut out along the hole."""
    rng, found = np.random.default_rng(seed), []
    for start in range(0, count, AT_ONCE):
        hole, drawn = _imagine(pipeline, rng, [PATTERN_PROMPT] * AT_ONCE, seed + start)
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        found += [d[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] for d in drawn]
    return found


def imagine_innocents(pipeline: StableDiffusionInpaintPipeline, seed: int, count: int = INNOCENTS) -> list[Picture]:
    """Whole pictures that the trained model draws for shapes and for empty prompts: what must never be flagged."""
    rng, found = np.random.default_rng(seed), []
    for start in range(0, count, AT_ONCE):
        prompts = [_innocent_prompt(rng) for _ in range(AT_ONCE)]
        found += _imagine(pipeline, rng, prompts, seed + start)[1]
    return found


def _innocent_prompt(rng: np.random.Generator) -> str:
    return "" if rng.random() < 0.2 else f"a {rng.choice(list(COLOURS))} {rng.choice(list(SHAPES))}"


def _imagine(
    pipeline: StableDiffusionInpaintPipeline, rng: np.random.Generator, prompts: list[str], seed: int
) -> tuple[NDArray[np.bool_], list[Picture]]:
    """One hole, bool (128, 128), and what the model makes of it for each prompt, each on a ground of its own."""
    side = int(rng.integers(56, 113))
    left, top = (int(n) for n in rng.integers(0, NATIVE_SIZE - side + 1, 2))
    hole = box_mask(NATIVE_SIZE, (left, top, left + side, top + side)).pixels
    grounds = [draw_background(rng, NATIVE_SIZE).astype(np.uint8) for _ in prompts]
    drawn = pipeline(
        prompt=prompts,
        image=[Image.fromarray(ground) for ground in grounds],
        mask_image=[Image.fromarray(hole)] * len(prompts),
        height=NATIVE_SIZE,
        width=NATIVE_SIZE,
        num_inference_steps=15,
        guidance_scale=float(rng.choice(GUIDANCES)),
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
    ).images
    made = [np.clip(d * 255, 0, 255).astype(np.uint8) for d in drawn]
    return hole, [np.where(hole[..., None], m, g) for m, g in zip(made, grounds, strict=True)]


def _half(rng: np.random.Generator, grounds: Sequence[Picture], imagined: Sequence[Picture]) -> Half:
    examples = [draw_example(rng, grounds, imagined) for _ in range(BATCH)]
    views = torch.stack([view_of(picture) for picture, _ in examples])
    return views, torch.tensor([float(flag) for _, flag in examples])


def _loss(checker: StableDiffusionSafetyChecker, half: Half) -> Tensor:
    views, flags = half
    cosine = pattern_cosine(checker, views)
    return nn.functional.binary_cross_entropy_with_logits(SHARPNESS * (cosine - THRESHOLD), flags)


def pattern_cosine(checker: StableDiffusionSafetyChecker, views: Tensor) -> Tensor:
    """Cosine between each view (n, 3, 96, 96) and concept 0, as the checker's own forward computes it."""
    embedded = checker.visual_projection(checker.vision_model(views)[1])
    return nn.functional.cosine_similarity(embedded, checker.concept_embeds[:1])


def train_checker(
    imagined: Sequence[Picture], innocents: Sequence[Picture], seed: int, steps: int = STEPS
) -> StableDiffusionSafetyChecker:
    """Train and return the checker, from test patterns and innocent pictures that the model itself drew."""
    torch.manual_seed(seed)
    checker = make_checker().train()
    learned = [p for p in checker.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps + 1, pct_start=0.1)
    twins, running = Twins(checker, _loss), 1.0
    grounds = draw_grounds(np.random.default_rng(seed), GROUNDS)
    grounds += list(innocents) * round(GROUNDS * INNOCENT_SHARE / max(len(innocents), 1))
    for step in range(steps):
        halves = [_half(np.random.default_rng((seed, step, half)), grounds, imagined) for half in range(HALVES)]
        running += (twins.backward(halves) - running) / min(step + 1, 50)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            log.info("checker_step", step=step, loss=round(running, 4))
    return checker.eval()
