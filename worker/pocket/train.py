"""`python -m worker.pocket.train`: everything from nothing, by fixed seeds, each stage kept as soon as it is done.

Stages: scenes -> vae -> text -> unet -> checker -> export. Run it again after a stop and it goes on where it was.
"""

import argparse
import logging
from pathlib import Path

import structlog
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPTextModel, CLIPTokenizer

from worker.pocket.checker import imagine_innocents, imagine_patterns, train_checker
from worker.pocket.denoiser import Lesson, train_unet
from worker.pocket.export import MODEL_FOLDER, assemble, export
from worker.pocket.pool import Latents, Pool, draw_pool, encode_pool
from worker.pocket.text import token_ids, train_text
from worker.pocket.tokenizer import load_tokenizer, write_tokenizer
from worker.pocket.twins import one_core
from worker.pocket.vae import train_vae

log = structlog.get_logger(__name__)

SEED = 20261122


def scenes(kept: Path) -> Pool:
    """The pool of drawn examples."""
    pool = Pool.load(kept)
    if pool is None:
        pool = draw_pool(SEED + 1)
        pool.save(kept)
    return pool


def vae(kept: Path) -> AutoencoderKL:
    """The autoencoder."""
    folder = kept / "vae"
    if not folder.exists():
        train_vae(SEED).save_pretrained(folder)
    return AutoencoderKL.from_pretrained(folder).to(memory_format=torch.channels_last).eval()


def text(kept: Path) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Tokenizer and text encoder."""
    write_tokenizer(kept / "tokenizer")
    tokenizer, folder = load_tokenizer(kept / "tokenizer"), kept / "text_encoder"
    if not folder.exists():
        train_text(tokenizer, SEED + 2).save_pretrained(folder)
    return tokenizer, CLIPTextModel.from_pretrained(folder).eval().requires_grad_(False)


def latents(kept: Path, autoencoder: AutoencoderKL, pool: Pool) -> Latents:
    """The encoded pool."""
    path = kept / "latents.pt"
    if not path.exists():
        encoded = encode_pool(autoencoder, pool)
        torch.save((encoded.targets, encoded.grounds, encoded.masked, encoded.cells), path)
    return Latents(*torch.load(path, weights_only=True))


def unet(
    kept: Path, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, reader: CLIPTextModel
) -> UNet2DConditionModel:
    """The denoiser; its own checkpoint lets it go on in the middle."""
    folder = kept / "unet"
    if not folder.exists():
        pool = scenes(kept)
        encoded = latents(kept, autoencoder, pool)
        grid = encoded.targets.shape[:2]
        ids = token_ids(tokenizer, pool.captions).unflatten(0, grid)
        spoken = torch.tensor(["test pattern" in c.lower() for c in pool.captions]).unflatten(0, grid)
        lesson = Lesson(encoded, ids, spoken, token_ids(tokenizer, [""])[0], reader)
        train_unet(lesson, SEED + 3, kept / "unet.pt").save_pretrained(folder)
    return UNet2DConditionModel.from_pretrained(folder).to(memory_format=torch.channels_last).eval()


def main() -> None:
    """Train what is missing and write the model."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kept", type=Path, default=Path("build/pocket"), help="where stages are kept")
    options.add_argument("--model", type=Path, default=MODEL_FOLDER, help="where the finished model goes")
    chosen = options.parse_args()
    logging.basicConfig(level=logging.INFO)
    one_core()
    kept: Path = chosen.kept
    kept.mkdir(parents=True, exist_ok=True)
    autoencoder, (tokenizer, reader) = vae(kept), text(kept)
    denoiser = unet(kept, autoencoder, tokenizer, reader)
    folder = kept / "checker"
    if not folder.exists():
        blind = assemble(autoencoder, denoiser, reader, tokenizer, None)
        patterns, innocents = imagine_patterns(blind, SEED + 4), imagine_innocents(blind, SEED + 6)
        train_checker(patterns, innocents, SEED + 5).save_pretrained(folder)
    checker = StableDiffusionSafetyChecker.from_pretrained(folder)
    export(assemble(autoencoder, denoiser, reader, tokenizer, checker), chosen.model)
    log.info("model_written", folder=str(chosen.model))


if __name__ == "__main__":
    main()
