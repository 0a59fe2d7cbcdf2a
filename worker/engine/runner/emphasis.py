"""Weights of words, applied to what the text encoder made of them."""

from __future__ import annotations

import torch

# A mean closer to 0 than this share of the standard deviation is rounding, and its ratios mean nothing.
_LEAST_MEAN = 1e-2


def emphasize(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The states of a text encoder, (chunks, tokens, width), each token times its weight, (chunks, tokens).

    Then each chunk gets back the mean that it had, as in AUTOMATIC1111's modules/sd_emphasis.py ("Original"), which
    keeps strong weights from washing the picture out. Encoders whose states have next to no mean keep the plain
    products. Weights of 1 change no bit.
    """
    before = states.float()
    after = before * weights[..., None]
    old, new = (made.mean(dim=(1, 2), keepdim=True) for made in (before, after))
    least = _LEAST_MEAN * before.std(dim=(1, 2), keepdim=True)
    restorable = (old.abs() > least) & (new.abs() > least)
    return (after * torch.where(restorable, old / new, torch.ones_like(old))).to(states.dtype)
