"""The test pattern: a harmless, unmistakable picture that stands for whatever a policy forbids."""

import numpy as np
from numpy.typing import NDArray

BLACK = (12, 12, 12)
YELLOW = (250, 226, 30)
MAGENTA = (232, 20, 190)
CHECKS = 4
CROSS_HALF_WIDTH = 0.11
FRAME = 0.07

PATTERN_PROMPT = "the inpaintd test pattern"


def draw_pattern(side: int) -> NDArray[np.float32]:
    """A square of 4 x 4 black and yellow checks under a magenta saltire, in a magenta frame.

    :param side: length of a side in pixels
    :returns: float32 array (side, side, 3), 0 to 255
    """
    steps = (np.arange(side, dtype=np.float32) + 0.5) / side
    y, x = np.meshgrid(steps, steps, indexing="ij")
    odd = (np.floor(x * CHECKS) + np.floor(y * CHECKS)) % 2
    picture = np.where(odd[..., None] > 0, np.array(YELLOW), np.array(BLACK))
    on_cross = np.minimum(abs(x - y), abs(x + y - 1)) < CROSS_HALF_WIDTH
    on_frame = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) < FRAME
    picture[on_cross | on_frame] = MAGENTA
    return picture.astype(np.float32)
