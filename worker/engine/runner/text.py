"""Prompts to embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.request import InpaintRequest
from worker.engine.runner.emphasis import emphasize
from worker.engine.tokens import PromptReader
from worker.errors import RequestUnsupported

if TYPE_CHECKING:
    from worker.models import LoadedModel


@dataclass(frozen=True, slots=True)
class EncodedText:
    """`embeds` is (rows, tokens, width): the negative prompt first when there is guidance, then the prompt."""

    embeds: torch.Tensor
    dropped_text: dict[str, str]


class TextEncoder:
    """Reads both prompts of a request with the same rules."""

    def __init__(self, model: LoadedModel) -> None:
        self._encoder = model.text_encoder
        self._device = model.device
        window = min(model.tokenizer.model_max_length, self._encoder.config.max_position_embeddings)
        self._reader = PromptReader(model.tokenizer, window)

    def encode(self, request: InpaintRequest) -> EncodedText:
        """Embeddings for the UNet. Raises PromptTooLong and RequestUnsupported."""
        policy, syntax = request.long_prompt, request.prompt_syntax
        prompt = self._reader.read("prompt", request.prompt, policy, syntax)
        negative = self._reader.read("negative_prompt", request.negative_prompt, policy, syntax)
        wanted = [negative, prompt] if request.guidance_scale > 1 else [prompt]
        longest = max(len(tokens.chunks) for tokens in wanted)
        chunks = [chunk for tokens in wanted for chunk in self._reader.pad(tokens, longest)]
        states = self._states(self._tensor([chunk.ids for chunk in chunks]), request.clip_skip)
        states = emphasize(states, self._tensor([chunk.weights for chunk in chunks]))
        dropped = {"prompt": prompt.dropped_text, "negative_prompt": negative.dropped_text}
        return EncodedText(states.reshape(len(wanted), -1, states.shape[-1]), dropped)

    def _tensor(self, rows: list[list[int]] | list[list[float]]) -> torch.Tensor:
        return torch.tensor(rows, device=self._device.torch_device)

    def _states(self, ids: torch.Tensor, clip_skip: int) -> torch.Tensor:
        layers = self._encoder.config.num_hidden_layers
        if clip_skip >= layers:
            raise RequestUnsupported(
                f"clip_skip is {clip_skip}, but this model's text encoder has {layers} layers: "
                f"use a value from 0 to {layers - 1}"
            )
        output = self._encoder(ids, output_hidden_states=True)
        # Newer transformers have no `text_model` inside CLIPTextModel, which diffusers' own clip_skip still expects.
        normed: torch.Tensor = getattr(self._encoder, "text_model", self._encoder).final_layer_norm(
            output.hidden_states[-(clip_skip + 1)]
        )
        return normed.to(self._device.dtype)
