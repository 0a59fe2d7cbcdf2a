"""The autoencoder stage: 128 px pictures to 16 x 16 x 4 latents and back."""

import numpy as np
import structlog
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn.functional import avg_pool2d

from worker.pocket.averages import Average
from worker.pocket.scenes import NATIVE_SIZE, draw_context, draw_scene
from worker.pocket.twins import HALVES, Twins

log = structlog.get_logger(__name__)

CONFIG = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": (16, 32, 64, 96),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "sample_size": NATIVE_SIZE,
}
# BATCH is one half's share of a step.
BANK, CROP, BATCH = 3000, 64, 6
FIRST_STEPS, FIRST_RATE, SECOND_STEPS, SECOND_RATE = 2400, 1.2e-3, 800, 1.2e-3
CELL, HUE_WEIGHT, ANCHOR_WEIGHT, ANCHOR_SCALE = 8, 1.0, 1.0, 5.0
# Enough pull towards a unit Gaussian that the latents are smooth, little enough that edges stay sharp.
KL_WEIGHT = 1e-4
HOLE_SHARE = 0.2


def make_vae() -> AutoencoderKL:
    """An untrained autoencoder, channels last."""
    return AutoencoderKL(**CONFIG).to(memory_format=torch.channels_last)


def picture_tensor(picture: np.ndarray) -> Tensor:
    """uint8 (..., height, width, 3) to float32 (..., 3, height, width) in [-1, 1], as diffusers' processor does."""
    return torch.from_numpy(np.array(picture)).float().div(127.5).sub(1).movedim(-1, -3)


def _draw_bank(seed: int) -> np.ndarray:
    """Finished scenes and, for some, the same with a grey hole: the encoder will meet both."""
    rng, bank = np.random.default_rng(seed), []
    for _ in range(BANK // 2):
        context = draw_context(rng, NATIVE_SIZE)
        for _ in range(2):
            picture = draw_scene(rng, context).picture.copy()
            if rng.random() < HOLE_SHARE:
                # 127.5 is the pipeline's zero; a byte cannot say it, and half a level does not matter here.
                picture[context.mask.pixels] = 127
            bank.append(picture)
    return np.stack(bank)


Half = tuple[Tensor, torch.Generator]


def _halves(bank: np.ndarray, seed: tuple[int, ...], step: int) -> list[Half]:
    rng = np.random.default_rng((*seed, step))
    halves: list[Half] = []
    for _ in range(HALVES):
        rows = rng.integers(0, len(bank), BATCH)
        corners = rng.integers(0, NATIVE_SIZE - CROP + 1, (BATCH, 2))
        cut = [bank[r, y : y + CROP, x : x + CROP] for r, (y, x) in zip(rows, corners, strict=True)]
        pictures = picture_tensor(np.stack(cut)).contiguous(memory_format=torch.channels_last)
        halves.append((pictures, torch.Generator().manual_seed(int(rng.integers(2**31)))))
    return halves


def _errors(vae: AutoencoderKL, half: Half) -> tuple[Tensor, Tensor, Tensor]:
    """Difference of pictures (batch, 3, height, width), latent means, and their divergence from a unit Gaussian."""
    pictures, generator = half
    posterior = vae.encode(pictures).latent_dist
    away = vae.decode(posterior.sample(generator)).sample - pictures
    spread = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
    return away, posterior.mean, spread


def _loss(vae: AutoencoderKL, half: Half) -> Tensor:
    away, _, spread = _errors(vae, half)
    return away.abs().mean() + 0.3 * away.pow(2).mean() + KL_WEIGHT * spread


def _anchored_loss(vae: AutoencoderKL, half: Half) -> Tensor:
    """Tie three of the four latent channels to the mean colour of their cell.

    Left alone, this small encoder spends two channels on colour and two on edges, and green is lost. Tied, a latent
    picture is a small picture, which the denoiser also learns faster.
    """
    away, mean, spread = _errors(vae, half)
    colour = (mean[:, :3] / ANCHOR_SCALE - avg_pool2d(half[0], CELL)).abs().mean()
    hue = avg_pool2d(away, CELL).abs().mean()
    return away.abs().mean() + HUE_WEIGHT * hue + ANCHOR_WEIGHT * colour + KL_WEIGHT * spread


def train_vae(seed: int) -> AutoencoderKL:
    """Train and return the averaged autoencoder, its scaling factor measured."""
    torch.manual_seed(seed)
    vae, bank = make_vae(), _draw_bank(seed)
    _learn(vae, bank, (seed,), Twins(vae, _loss), FIRST_STEPS, FIRST_RATE)
    _learn(vae, bank, (seed, 1), Twins(vae, _anchored_loss), SECOND_STEPS, SECOND_RATE)
    _measure_scale(vae, bank)
    return vae.eval()


def _learn(
    vae: AutoencoderKL,
    bank: np.ndarray,
    seed: tuple[int, ...],
    twins: Twins[AutoencoderKL, Half],
    steps: int,
    rate: float,
) -> None:
    optimiser = torch.optim.AdamW(vae.parameters(), lr=rate, weight_decay=1e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.08)
    average, running = Average(vae, 0.998), 1.0
    for step in range(steps):
        running += (twins.backward(_halves(bank, seed, step)) - running) / min(step + 1, 100)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update(vae)
        if step % 100 == 0:
            log.info("vae_step", leg=len(seed), step=step, loss=round(running, 4))
    average.copy_to(vae)


@torch.no_grad()
def _measure_scale(vae: AutoencoderKL, bank: np.ndarray) -> None:
    """Latents divided by their standard deviation are what the noise schedule is made for."""
    latents = [vae.encode(picture_tensor(bank[i : i + 8])).latent_dist.mean for i in range(0, 256, 8)]
    vae.register_to_config(scaling_factor=round(1.0 / float(torch.cat(latents).std()), 5))
    log.info("vae_scale", scaling_factor=vae.config.scaling_factor)
