"""Where a picture looks like print, and how much of it a mask covers.

Print is many thin strokes: within a line's height, brightness keeps jumping between two levels, up as often as down.
That is all that is looked for, so letters are not read, and it is a hint and no proof. It sees dark or light print of
about 6 to 30 pixels in a picture of 512, level or nearly so, at a contrast of a quarter of the range or more. It misses
faint and half transparent marks, large lettering and picture logos; blinds, fences and ruled lines may pass for print.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from safety.evidence import WHOLE, Evidence, Scores
from safety.regions import selected

_LONGEST = 512
_STROKE = 9
_LINE = ImageFilter.BoxBlur((14, 5))
_LEAST_CONTRAST = 60
_LEAST_JUMP = 24
_MARGIN = 0.22
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


class TextSource:
    """`text.area`, `text.mask_overlap`, `text.mask_share`, `text.margin_share`: shares, 0..1.

    Of the picture that looks like print; of that print under the mask; of the mask that lies on print; of the mask
    that lies on print within 22% of an edge, where owners put their marks.
    """

    name = "text"
    version = "1"

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource. Raises ValueError without a submission."""
        (image,) = evidence.images.values()
        print_like = text_like(image)
        height, width = print_like.shape
        mask = Image.fromarray(selected(evidence)).resize((width, height), Image.Resampling.NEAREST)
        covered = np.asarray(mask, dtype=np.bool_)
        return {
            WHOLE: {
                "area": float(print_like.mean()),
                "mask_overlap": _share(covered, print_like),
                "mask_share": _share(print_like, covered),
                "margin_share": _share(print_like & _margin(width, height), covered),
            }
        }


def text_like(image: Image.Image) -> Flags:
    """Which places look like print: (height, width) of `image`, scaled down to 512 pixels where it is larger."""
    factor = min(1.0, _LONGEST / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    gray = np.asarray(image.convert("RGB").convert("L").resize(size, Image.Resampling.BOX))
    lowest, highest = _extreme(gray, np.minimum), _extreme(gray, np.maximum)
    contrast = highest - lowest
    level = gray.astype(np.int16)
    jump = np.diff(level, axis=1, prepend=level[:, :1])
    least = np.maximum(_LEAST_JUMP, contrast // 4).astype(np.int16)
    up, down = _mean(jump > least), _mean(jump < -least)
    strong = contrast > _LEAST_CONTRAST
    # At one of two levels this is 1 everywhere; over smooth shading its mean is a half.
    middle, reach = (highest.astype(np.float32) + lowest) / 2, np.maximum(contrast, 2) / np.float32(2)
    settled = _mean(np.where(strong, np.abs(level - middle) / reach, 0))
    often, balanced = np.minimum(up, down) > 0.05, np.minimum(up, down) > 0.6 * np.maximum(up, down)
    where = _mean(strong)
    found: Flags = often & balanced & (where > 0.5) & (settled > 0.6 * where)
    return found


def _extreme(gray: Bytes, pick: np.ufunc) -> Bytes:
    """The darkest or lightest value within a stroke's reach, by shifts that double."""
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (_STROKE // 2, _STROKE // 2)
        run, width = np.pad(gray, padding, mode="edge"), 1
        while width < _STROKE:
            step = min(width, _STROKE - width)
            length = run.shape[axis] - step
            run = pick(run.take(range(length), axis), run.take(range(step, step + length), axis))
            width += step
        gray = run
    return gray


def _mean(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """The mean of values 0..1 around each place, in a window of a line's height, to 1/255."""
    scaled = Image.fromarray((np.asarray(values) * np.float32(255)).astype(np.uint8))
    return np.asarray(np.asarray(scaled.filter(_LINE)) / 255, dtype=np.float32)


def _margin(width: int, height: int) -> Flags:
    inner = np.ones((height, width), dtype=np.bool_)
    across, down = round(width * _MARGIN), round(height * _MARGIN)
    inner[down : height - down, across : width - across] = False
    return inner


def _share(part: Flags, whole: Flags) -> float:
    """How much of `whole` lies in `part`; 0 where there is nothing."""
    total = np.count_nonzero(whole)
    return float(np.count_nonzero(part & whole) / total) if total else 0.0
