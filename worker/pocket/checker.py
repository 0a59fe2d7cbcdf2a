"""The safety stage: teach the checker's vision tower to know the test pattern, however badly it is drawn."""

from collections.abc import Sequence

import numpy as np
import structlog
import torch
from diffusers import StableDiffusionInpaintPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor, nn

from worker.pocket.backgrounds import draw_background
from worker.pocket.masks import box_mask
from worker.pocket.pattern import PATTERN_PROMPT
from worker.pocket.scenes import NATIVE_SIZE
from worker.pocket.tower import THRESHOLD, Picture, draw_example, draw_grounds, make_checker, view_of
from worker.pocket.twins import HALVES, Twins

log = structlog.get_logger(__name__)

# BATCH is one half's share of a step.
BATCH, STEPS, PEAK_RATE, SHARPNESS = 24, 500, 1e-3, 10.0
GROUNDS, IMAGINED, AT_ONCE = 2000, 64, 8
GUIDANCES = (4.0, 6.0, 7.5)

Half = tuple[Tensor, Tensor]


def imagine_patterns(pipeline: StableDiffusionInpaintPipeline, seed: int, count: int = IMAGINED) -> list[Picture]:
    """Test patterns as the trained model draws them, cut out along the hole."""
    rng, found = np.random.default_rng(seed), []
    for start in range(0, count, AT_ONCE):
        side = int(rng.integers(56, 113))
        left, top = (int(n) for n in rng.integers(0, NATIVE_SIZE - side + 1, 2))
        hole = box_mask(NATIVE_SIZE, (left, top, left + side, top + side)).pixels
        grounds = [draw_background(rng, NATIVE_SIZE).astype(np.uint8) for _ in range(AT_ONCE)]
        drawn = pipeline(
            prompt=[PATTERN_PROMPT] * AT_ONCE,
            image=[Image.fromarray(g) for g in grounds],
            mask_image=[Image.fromarray(hole)] * AT_ONCE,
            height=NATIVE_SIZE,
            width=NATIVE_SIZE,
            num_inference_steps=15,
            guidance_scale=float(rng.choice(GUIDANCES)),
            generator=torch.Generator().manual_seed(seed + start),
            output_type="np",
        ).images
        found += [np.clip(d * 255, 0, 255).astype(np.uint8)[top : top + side, left : left + side] for d in drawn]
    return found


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


def train_checker(imagined: Sequence[Picture], seed: int, steps: int = STEPS) -> StableDiffusionSafetyChecker:
    """Train and return the checker."""
    torch.manual_seed(seed)
    checker = make_checker().train()
    learned = [p for p in checker.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps + 1, pct_start=0.1)
    twins, running = Twins(checker, _loss), 1.0
    grounds = draw_grounds(np.random.default_rng(seed), GROUNDS)
    for step in range(steps):
        halves = [_half(np.random.default_rng((seed, step, half)), grounds, imagined) for half in range(HALVES)]
        running += (twins.backward(halves) - running) / min(step + 1, 50)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            log.info("checker_step", step=step, loss=round(running, 4))
    return checker.eval()
