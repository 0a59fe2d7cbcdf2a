"""The denoiser stage: the 9-channel UNet that fills the hole, trained on encoded scenes."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from worker.pocket.averages import Average
from worker.pocket.pool import Latents
from worker.pocket.text import WIDTH
from worker.pocket.twins import HALVES, Twins

log = structlog.get_logger(__name__)

CONFIG = {
    "sample_size": 16,
    "in_channels": 9,
    "out_channels": 4,
    "block_out_channels": (32, 64, 128),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 4,
    "norm_num_groups": 16,
}
# BATCH is one half's share of a step.
BATCH, STEPS, PEAK_RATE, WARM_UP, COOL_DOWN = 16, 14500, 1e-3, 300, 0.3
CAPTION_DROP = 0.06
# Min-SNR weighting: Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy".
# That starves the noisiest steps, where a text decides the outline; after the first details they get full weight.
SNR_CAP, OUTLINES_FROM = 5.0, 2500
SAVE_EVERY = 250


def make_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule; v-prediction, because it settles the large shapes sooner."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
    )


def make_unet() -> UNet2DConditionModel:
    """An untrained denoiser, channels last."""
    return UNet2DConditionModel(**CONFIG).to(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Lesson:
    """What the denoiser learns from: encoded scenes, token ids (contexts, answers, 77), a frozen reader.

    spoken (contexts, answers) marks captions that are never dropped: the test pattern's, so that a job without a
    prompt does not draw it.
    """

    latents: Latents
    ids: Tensor
    spoken: Tensor
    empty_ids: Tensor
    reader: CLIPTextModel


def learning_rate(step: int, steps: int) -> float:
    """Warm up, hold, then fall linearly to zero over the last part: a run can be prolonged while it holds."""
    falling = (steps - step) / (steps * COOL_DOWN)
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP, max(falling, 0.0))


def train_unet(lesson: Lesson, seed: int, checkpoint: Path, steps: int = STEPS) -> UNet2DConditionModel:
    """Train from the checkpoint if there is one, and return the averaged denoiser.

    Each step draws its numbers from (seed, step), so a run that was stopped goes on as if it had not been.
    """
    torch.manual_seed(seed)
    run, scheduler = Run(make_unet()), make_scheduler()
    if checkpoint.exists():
        run.load(checkpoint)

    def loss_of(model: UNet2DConditionModel, rng: np.random.Generator) -> Tensor:
        return _loss(model, scheduler, lesson, rng, 0.0 if run.step < OUTLINES_FROM else 1.0)

    twins, running = Twins(run.unet, loss_of), math.nan
    while run.step < steps:
        loss = twins.backward([np.random.default_rng((seed, run.step, half)) for half in range(HALVES)])
        run.advance(learning_rate(run.step, steps))
        running = loss if math.isnan(running) else running + (loss - running) / 100
        if run.step % SAVE_EVERY == 0 or run.step == steps:
            log.info("unet_step", step=run.step, loss=round(running, 5))
            run.save(checkpoint)
    run.average.copy_to(run.unet)
    return run.unet.eval()


class Run:
    """What a stopped training needs in order to go on: weights, optimiser, average and the number of steps done."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self.unet = unet
        self.optimiser = torch.optim.AdamW(unet.parameters(), lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.99))
        self.average = Average(unet, 0.999)
        self.step = 0

    def advance(self, rate: float) -> None:
        """One step along the gradient that lies on the weights."""
        self.optimiser.param_groups[0]["lr"] = rate
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimiser.step()
        self.average.update(self.unet)
        self.step += 1

    def save(self, path: Path) -> None:
        """Replace the checkpoint in one move, so that a kill leaves the old one or the new one."""
        state = {
            "unet": self.unet.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.weights,
            "count": self.average.count,
            "step": self.step,
        }
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Go back to a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.unet.load_state_dict(state["unet"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.weights, self.average.count = state["average"], state["count"]
        self.step = int(state["step"])


def _loss(
    unet: UNet2DConditionModel, scheduler: DDIMScheduler, lesson: Lesson, rng: np.random.Generator, floor: float
) -> Tensor:
    latents = lesson.latents
    row, answer = rng.integers(0, len(latents.targets), BATCH), rng.integers(0, latents.targets.shape[1], BATCH)
    masked, cells, asked = latents.masked[row], latents.cells[row], lesson.ids[row, answer]
    dropped = torch.from_numpy(rng.random(BATCH) < CAPTION_DROP) & ~lesson.spoken[row, answer]
    silent = dropped | (asked == lesson.empty_ids).all(1)
    # Without a prompt the ground goes on. Guidance then pushes the figure away from the ground and leaves the ground
    # alone; were the empty prompt any figure, guidance would push the ground away from the mean of all figures.
    target = torch.where(silent[:, None, None, None], latents.grounds[row], latents.targets[row, answer])
    words = _read(lesson.reader, torch.where(silent[:, None], lesson.empty_ids, asked))
    noise = torch.from_numpy(rng.standard_normal(tuple(target.shape), dtype=np.float32))
    times = torch.from_numpy(rng.integers(0, scheduler.config.num_train_timesteps, BATCH))
    noisy = torch.cat([scheduler.add_noise(target, noise, times), cells, masked], dim=1)
    guess = unet(noisy.contiguous(memory_format=torch.channels_last), times, words).sample
    kept = scheduler.alphas_cumprod[times]
    ratio = kept / (1 - kept)
    weight = (ratio + floor).clamp(max=SNR_CAP) / (ratio + 1)
    error = (guess - scheduler.get_velocity(target, noise, times)).pow(2).mean((1, 2, 3))
    return (weight * error).mean()


@torch.no_grad()
def _read(reader: CLIPTextModel, ids: Tensor) -> Tensor:
    return reader(input_ids=ids).last_hidden_state
