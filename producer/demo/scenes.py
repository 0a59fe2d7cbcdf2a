"""What the demonstration asks for: photographs, masks and prompts, and how each job must end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from producer.client.types import Status

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mask:
    """A drawn mask. Coordinates and `width` are shares of the picture's sides, 0 to 1.

    `points` are the opposite corners of a box or of an ellipse's box, or the stations of a brush stroke.
    """

    kind: Literal["ellipse", "box", "brush"]
    points: tuple[Point, ...]
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One job. `photo` is a file that scikit-image ships; `size` is pixels; `ends` is how the job may end."""

    photo: str
    size: tuple[int, int]
    mask: Mask
    prompt: str
    ends: tuple[Status, ...] = ("succeeded",)
    canceled: bool = False


def _around(kind: Literal["ellipse", "box"], x: float, y: float, half: float, half_height: float | None = None) -> Mask:
    tall = half if half_height is None else half_height
    return Mask(kind, ((x - half, y - tall), (x + half, y + tall)))


SCENES = (
    Scene("rocket.jpg", (256, 256), _around("ellipse", 0.24, 0.28, 0.2), "a yellow star"),
    Scene("coffee.png", (256, 256), _around("ellipse", 0.49, 0.32, 0.2, 0.16), "a blue heart"),
    Scene("astronaut.png", (256, 256), _around("box", 0.77, 0.82, 0.19, 0.16), "a red circle"),
    Scene("chelsea.png", (256, 256), _around("ellipse", 0.58, 0.2, 0.17), "a purple ring"),
    Scene("moon.png", (192, 192), _around("box", 0.62, 0.55, 0.22), "a green square"),
    Scene("hubble_deep_field.jpg", (256, 256), _around("ellipse", 0.5, 0.5, 0.24), "an orange diamond"),
    Scene("camera.png", (224, 224), _around("box", 0.8, 0.18, 0.17), "a red heart"),
    Scene(
        "motorcycle_left.png", (256, 192), Mask("brush", ((0.14, 0.24), (0.3, 0.3), (0.2, 0.4)), 0.24), "a pink circle"
    ),
    Scene("brick.png", (128, 128), Mask("brush", ((0.35, 0.35), (0.65, 0.4), (0.5, 0.65)), 0.3), "a cyan cross"),
    Scene("grass.png", (192, 144), _around("ellipse", 0.5, 0.5, 0.24, 0.32), "a white triangle"),
    Scene(
        "coins.png",
        (256, 256),
        _around("box", 0.5, 0.5, 0.22),
        "the inpaintd test pattern",
        ends=("blocked", "held"),
    ),
    Scene(
        "gravel.png", (128, 128), _around("ellipse", 0.5, 0.5, 0.3), "a black star", ends=("canceled",), canceled=True
    ),
)
