"""Prompts to embeddings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from storage.prompt_tokens import PromptReader
from worker.engine.request import InpaintRequest
from worker.engine.runner.emphasis import emphasize
from worker.errors import RequestUnsupported

if TYPE_CHECKING:
    from worker.models import LoadedModel


@dataclass(frozen=True, slots=True)
class EncodedText:
    """`embeds` is (rows, tokens, width): the negative prompt first when there is guidance, then the prompt.

    `added` holds what Stable Diffusion XL's UNet reads beside them, (rows, ...) each.
    """

    embeds: torch.Tensor
    dropped_text: dict[str, str]
    added: dict[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptRows:
    """What an encoder reads for `count` rows of one UNet call: as many chunks for each row, (chunks, window)."""

    count: int
    ids: list[list[int]]
    weights: list[list[float]]
    dropped_text: dict[str, str]


def reader_of(tokenizer: Any, encoder: Any) -> PromptReader:
    """Reads as many tokens at once as both can."""
    return PromptReader(tokenizer, min(tokenizer.model_max_length, encoder.config.max_position_embeddings))


def read_prompts(reader: PromptReader, request: InpaintRequest) -> PromptRows:
    """Both prompts of a request by the same rules; without guidance only the prompt. Raises PromptTooLong."""
    policy, syntax = request.long_prompt, request.prompt_syntax
    prompt = reader.read("prompt", request.prompt, policy, syntax)
    negative = reader.read("negative_prompt", request.negative_prompt, policy, syntax)
    wanted = [negative, prompt] if request.guidance_scale > 1 else [prompt]
    longest = max(len(tokens.chunks) for tokens in wanted)
    chunks = [chunk for tokens in wanted for chunk in reader.pad(tokens, longest)]
    dropped = {"prompt": prompt.dropped_text, "negative_prompt": negative.dropped_text}
    return PromptRows(len(wanted), [chunk.ids for chunk in chunks], [chunk.weights for chunk in chunks], dropped)


def require_layers(clip_skip: int, layers: int) -> None:
    """Raise RequestUnsupported unless one of `layers` is left after skipping so many."""
    if clip_skip >= layers:
        raise RequestUnsupported(
            f"clip_skip is {clip_skip}, but this model's text encoder has {layers} layers: "
            f"use a value from 0 to {layers - 1}"
        )


class TextEncoder:
    """Reads both prompts of a request with the one encoder of Stable Diffusion 1 and 2."""

    def __init__(self, model: LoadedModel) -> None:
        self._encoder = model.text_encoder
        self._device = model.device
        self._reader = reader_of(model.tokenizer, self._encoder)

    def encode(self, request: InpaintRequest) -> EncodedText:
        """Embeddings for the UNet. Raises PromptTooLong and RequestUnsupported."""
        rows = read_prompts(self._reader, request)
        states = emphasize(self._states(self._tensor(rows.ids), request.clip_skip), self._tensor(rows.weights))
        return EncodedText(states.reshape(rows.count, -1, states.shape[-1]), rows.dropped_text)

    def _tensor(self, rows: list[list[int]] | list[list[float]]) -> torch.Tensor:
        return self._device.send(torch.tensor(rows))

    def _states(self, ids: torch.Tensor, clip_skip: int) -> torch.Tensor:
        require_layers(clip_skip, self._encoder.config.num_hidden_layers)
        output = self._encoder(ids, output_hidden_states=True)
        # Newer transformers have no `text_model` inside CLIPTextModel, which diffusers' own clip_skip still expects.
        normed: torch.Tensor = getattr(self._encoder, "text_model", self._encoder).final_layer_norm(
            output.hidden_states[-(clip_skip + 1)]
        )
        return normed.to(self._device.dtype)
