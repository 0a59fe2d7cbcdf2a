"""Embeddings of prompts that were read lately: a user's variations, and the images of one job, share theirs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from worker.engine.request import InpaintRequest
from worker.engine.runner.text import EncodedText

MOST_TEXTS = 64
"""At most a few hundred kilobytes each."""
TEXT_FIELDS = ("prompt", "negative_prompt", "prompt_syntax", "long_prompt", "clip_skip")
"""What the embeddings depend on, beside whether there is guidance, and for Stable Diffusion XL the picture's size."""


class TextCache:
    """`encode` with a memory of its last answers, least recently used first out. Answers are shared: leave them be."""

    def __init__(self, encode: Callable[[InpaintRequest], EncodedText], most: int = MOST_TEXTS) -> None:
        self._encode = encode
        self._most = most
        self._texts: OrderedDict[Hashable, EncodedText] = OrderedDict()

    def encode(self, request: InpaintRequest) -> EncodedText:
        """See TextEncoder. Raises what that raises."""
        text_fields = (getattr(request, name) for name in TEXT_FIELDS)
        key = (request.guidance_scale > 1, request.mask.shape, *text_fields)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = self._encode(request)
            if len(self._texts) > self._most:
                self._texts.popitem(last=False)
        self._texts.move_to_end(key)
        return text
