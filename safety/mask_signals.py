"""How much of a picture is to be repainted, as a signal."""

import numpy as np

from safety.evidence import WHOLE, Evidence, Scores
from safety.regions import selected


class MaskSource:
    """`mask.area`: the share of the picture, 0..1, that the mask selects."""

    name = "mask"
    version = "1"

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource. Raises ValueError without a submission."""
        return {WHOLE: {"area": float(np.mean(selected(evidence)))}}
