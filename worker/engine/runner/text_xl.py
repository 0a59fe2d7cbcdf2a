"""Prompts to what Stable Diffusion XL reads: two encoders' states side by side, a pooled vector, and the sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from worker.engine.request import InpaintRequest
from worker.engine.runner.emphasis import emphasize
from worker.engine.runner.text import EncodedText, PromptRows, read_prompts, reader_of, require_layers

if TYPE_CHECKING:
    from worker.models import LoadedModel

# Stable Diffusion XL was trained on the states before the last layer (Podell et al. 2023, arXiv 2307.01952), and
# clip_skip counts from there, as in diffusers.
_PENULTIMATE = 2


class XlTextEncoder:
    """Reads both prompts of a request with both encoders, by the rules of StableDiffusionXLInpaintPipeline.

    Two of its habits are left out: that it skips layers for the prompt only, and that it cannot read more than 75
    tokens. The pooled vector is that of the first chunk.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._device = model.device
        self._encoders = [model.text_encoder, model.text_encoder_2]
        tokenizers = (model.tokenizer, model.tokenizer_2)
        self._readers = [reader_of(*pair) for pair in zip(tokenizers, self._encoders, strict=True)]
        self._layers = min(encoder.config.num_hidden_layers for encoder in self._encoders) - 1
        self._zero_empty_negative = model.zero_empty_negative

    def encode(self, request: InpaintRequest) -> EncodedText:
        """Embeddings for the UNet, and beside them `text_embeds` (rows, width) and `time_ids` (rows, 6).

        Raises PromptTooLong and RequestUnsupported.
        """
        require_layers(request.clip_skip, self._layers)
        read = [read_prompts(reader, request) for reader in self._readers]
        outputs = [self._run(encoder, rows) for encoder, rows in zip(self._encoders, read, strict=True)]
        states = [self._states(out, rows, request.clip_skip) for out, rows in zip(outputs, read, strict=True)]
        embeds = torch.cat(states, dim=-1)
        pooled = outputs[-1].text_embeds.reshape(len(embeds), -1, outputs[-1].text_embeds.shape[-1])[:, 0]
        if self._zero_empty_negative and request.guidance_scale > 1 and not request.negative_prompt:
            embeds, pooled = _without_first(embeds), _without_first(pooled)
        added = {"text_embeds": pooled.to(self._device.dtype), "time_ids": self._sizes(request, len(embeds))}
        return EncodedText(embeds.to(self._device.dtype), read[0].dropped_text, added)

    def _run(self, encoder: Any, rows: PromptRows) -> Any:
        return encoder(self._device.send(torch.tensor(rows.ids)), output_hidden_states=True)

    def _states(self, output: Any, rows: PromptRows, clip_skip: int) -> torch.Tensor:
        weights = self._device.send(torch.tensor(rows.weights))
        states = emphasize(output.hidden_states[-(clip_skip + _PENULTIMATE)], weights)
        return states.reshape(rows.count, -1, states.shape[-1])

    def _sizes(self, request: InpaintRequest, rows: int) -> torch.Tensor:
        """Original size, place of the crop, target size: the picture is shown as one that was never cropped."""
        height, width = request.mask.shape
        sizes = torch.tensor([height, width, 0, 0, height, width], dtype=self._device.dtype)
        return self._device.send(sizes.repeat(rows, 1))


def _without_first(rows: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(rows[:1]), rows[1:]])
