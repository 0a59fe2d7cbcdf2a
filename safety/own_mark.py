"""Whether a picture that comes in carries a mark of ours: several ask, it is looked for once."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety.mark_keys import MarkKeys
from safety.watermark import Mark, detect


@dataclass(slots=True, eq=False)
class OwnMark:
    """The mark of a picture `rgb`, height x width x 3."""

    rgb: NDArray[np.uint8]
    keys: MarkKeys
    _known: tuple[Mark | None] | None = field(default=None, init=False)

    def found(self) -> Mark | None:
        """Looked for when first asked for, which takes about 50 ms."""
        if self._known is None:
            self._known = (detect(Image.fromarray(self.rgb), self.keys),)
        return self._known[0]
