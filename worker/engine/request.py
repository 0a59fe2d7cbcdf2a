"""What the engine is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from storage.aliases import DEFAULT
from storage.params import LongPrompt, MaskedContent, PromptSyntax, SchedulerName, steps_to_run

CELL = 8
"""Side of one latent cell in pixels."""

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class PreviewSink(Protocol):
    """Who wants to see a picture in the making. Both methods are called on the engine thread and must not block."""

    def wants(self, step: int) -> bool:
        """Whether a preview after this step would be of use; none is made otherwise."""
        ...

    def show(self, pixels: Pixels) -> None:
        """Takes a preview, uint8 (h/8, w/8, 3), smaller where that exceeds 128 a side."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class InpaintRequest:
    """One picture to make, fully resolved.

    `image` is uint8 (h, w, 3) and `mask` bool (h, w), True = repaint, both at working size: h and w multiples of 8.
    `on_step(done, total)` is called on the engine thread after each step and must not block. `id` is unique among
    the requests an engine holds, and `model` is the alias of the model to run. Raises ValueError when the arrays do
    not fit.
    """

    id: str
    image: Pixels
    mask: Mask
    prompt: str
    negative_prompt: str
    long_prompt: LongPrompt
    steps: int
    strength: float
    guidance_scale: float
    scheduler: SchedulerName
    eta: float
    clip_skip: int
    seed: int
    prompt_syntax: PromptSyntax = PromptSyntax.PLAIN
    masked_content: MaskedContent = MaskedContent.ORIGINAL
    model: str = DEFAULT
    on_step: Callable[[int, int], None] | None = None
    previews: PreviewSink | None = None

    def __post_init__(self) -> None:
        height, width = self.mask.shape
        if self.image.shape != (height, width, 3) or height % CELL or width % CELL:
            raise ValueError(
                f"image {self.image.shape} and mask {self.mask.shape} must be (h, w, 3) and (h, w) "
                f"with h and w multiples of {CELL}"
            )

    @property
    def job_id(self) -> str:
        """The job that it belongs to: what stands before the first dot of `id`."""
        return self.id.partition(".")[0]

    @property
    def actual_steps(self) -> int:
        """Denoising steps that are run: `steps` cut by `strength`."""
        return steps_to_run(self.steps, self.strength)


@dataclass(frozen=True, slots=True, eq=False)
class InpaintResult:
    """A finished picture, before it is composited.

    `pixels` is uint8 (h, w, 3) at working size. `dropped_text` holds under "prompt" and "negative_prompt" the words
    the model did not read ("" where it read all). `seconds` is wall time: "prepare", "denoise", "decode".
    """

    pixels: Pixels
    actual_steps: int
    dropped_text: dict[str, str]
    seconds: dict[str, float]
