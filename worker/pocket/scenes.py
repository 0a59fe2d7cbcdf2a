"""Training scenes: a background, a hole in it, and what belongs in the hole."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.pocket.backgrounds import Picture, draw_background
from worker.pocket.captions import COLOUR_NAMES, EMPTY_SHARE, NOTHING, PATTERN, Subject, caption_of, draw_subject
from worker.pocket.masks import Mask, draw_mask
from worker.pocket.pattern import PATTERN_PROMPT, draw_pattern
from worker.pocket.shapes import COLOURS, shape_alpha

NATIVE_SIZE = 128
# Below this distance from the surroundings a shape could not be seen, and teaching it would teach noise.
VISIBLE_DISTANCE = 85.0
# How much of the hole a shape spans, by the word used for its size.
SPAN = {"small": (0.45, 0.58), "any": (0.74, 0.92), "large": (0.90, 0.98)}


@dataclass(frozen=True)
class Context:
    """What the model is shown: a background (size, size, 3) in 0 to 255 and a hole in it."""

    background: Picture
    mask: Mask


@dataclass(frozen=True)
class Scene:
    """What the model should answer: the finished picture, uint8 (size, size, 3), and a caption."""

    picture: NDArray[np.uint8]
    subject: Subject
    caption: str


def draw_context(rng: np.random.Generator, size: int = NATIVE_SIZE) -> Context:
    """A background with a hole."""
    return Context(draw_background(rng, size), draw_mask(rng, size))


def visible_colours(context: Context) -> tuple[str, ...]:
    """The palette less what would vanish against the surroundings of the hole; never empty."""
    left, top, right, bottom = context.mask.box
    around = context.background[top:bottom, left:right].reshape(-1, 3).mean(0)
    return tuple(c for c in COLOUR_NAMES if np.linalg.norm(np.array(COLOURS[c]) - around) > VISIBLE_DISTANCE)


def draw_scene(rng: np.random.Generator, context: Context) -> Scene:
    """Fill the hole of a context; a tenth of the captions are empty, and some of those show background alone."""
    if rng.random() < EMPTY_SHARE:
        subject = NOTHING if rng.random() < 0.3 else draw_subject(rng, visible_colours(context))
        # Nobody who asks for nothing may get the test pattern, and be blocked for it.
        caption = PATTERN_PROMPT if subject == PATTERN else ""
    else:
        subject = draw_subject(rng, visible_colours(context))
        caption = caption_of(rng, subject)
    picture = place(rng, context, subject)
    return Scene(np.clip(picture, 0, 255).astype(np.uint8), subject, caption)


def place(rng: np.random.Generator, context: Context, subject: Subject) -> Picture:
    """The finished picture, float32 (size, size, 3) in 0 to 255."""
    if subject.kind == "nothing":
        return context.background
    centre, radius = _seat(rng, context.mask, subject)
    if subject.kind == "pattern":
        return _place_pattern(context, centre, radius)
    alpha = _fitting_alpha(context, subject.shape, centre, radius)[..., None]
    return (context.background * (1 - alpha) + _paint(rng, subject.colour, context) * alpha).astype(np.float32)


def _seat(rng: np.random.Generator, mask: Mask, subject: Subject) -> tuple[tuple[float, float], float]:
    left, top, right, bottom = mask.box
    width, height = right - left, bottom - top
    radius = min(width, height) / 2 * rng.uniform(*SPAN[subject.size])
    slack_x, slack_y = width / 2 - radius, height / 2 - radius
    x = (left + right) / 2 + slack_x * float(np.clip(rng.normal(0, 0.25), -1, 1))
    y = (top + bottom) / 2 + slack_y * float(np.clip(rng.normal(0, 0.25), -1, 1))
    return (x, y), radius


def _fitting_alpha(context: Context, shape: str, centre: tuple[float, float], radius: float) -> NDArray[np.float32]:
    """Shrink the shape until the hole holds it: nothing may be painted where the picture is kept."""
    size = context.mask.pixels.shape
    for shrink in (1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.5):
        alpha = shape_alpha(shape, (size[0], size[1]), centre, radius * shrink)
        if (alpha * ~context.mask.pixels).sum() < 0.004 * alpha.sum():
            break
    return alpha * context.mask.pixels


def _paint(rng: np.random.Generator, colour: str, context: Context) -> Picture:
    """The colour with a little drift and a soft light from one side."""
    size = context.background.shape[0]
    base = np.array(COLOURS[colour], dtype=np.float32) + rng.normal(0, 5, 3).astype(np.float32)
    steps = np.linspace(-1, 1, size, dtype=np.float32)
    slope = rng.normal(0, 0.06, 2)
    light = 1 + steps[None, :, None] * slope[0] + steps[:, None, None] * slope[1]
    return (base * light).astype(np.float32)


def _place_pattern(context: Context, centre: tuple[float, float], radius: float) -> Picture:
    side = max(8, round(radius * 2))
    size = context.background.shape[0]
    left, top = (int(np.clip(round(c - side / 2), 0, size - side)) for c in centre)
    layer = Image.new("RGBA", (size, size))
    tile = Image.fromarray(draw_pattern(side).astype(np.uint8))
    layer.paste(tile, (left, top))
    pixels = np.asarray(layer, dtype=np.float32)
    alpha = (pixels[..., 3:] / 255.0) * context.mask.pixels[..., None]
    return (context.background * (1 - alpha) + pixels[..., :3] * alpha).astype(np.float32)
