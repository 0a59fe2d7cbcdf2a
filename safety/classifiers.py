"""The concept checker that Stable Diffusion comes with, with its scores kept instead of thrown away.

The only file of this package that knows torch and diffusers.
"""

from collections.abc import Sequence

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL.Image import Image
from torch.nn.functional import normalize
from transformers import CLIPImageProcessor

SPECIAL_PREFIX = "special_"
_SPECIAL_ADJUSTMENT = 0.01
_CONCEPTS = 17
_SPECIALS = 3


class ConceptClassifier:
    """Scores of 17 concepts and 3 special-care concepts; above 0 means flagged.

    A score is `cosine(image, concept) - threshold + adjustment`. The adjustment is 0 until a special-care concept
    is flagged, and 0.01 for every concept after that (`StableDiffusionSafetyChecker.forward` in diffusers, whose
    rounding to 3 places is kept, so that both reach the same decision). Special-care concepts flag nothing by
    themselves; their names begin with `special_`.
    """

    name = "concepts"

    def __init__(
        self,
        checker: StableDiffusionSafetyChecker,
        processor: CLIPImageProcessor,
        version: str,
        concepts: Sequence[str] | None = None,
        specials: Sequence[str] | None = None,
    ) -> None:
        """`version` says which weights these are. Raises ValueError on names that do not fit the checker."""
        self.version = version
        self._checker = checker
        self._processor = processor
        self._concepts = tuple(concepts or (f"concept_{k}" for k in range(_CONCEPTS)))
        self._specials = tuple(specials or (f"{SPECIAL_PREFIX}{k}" for k in range(_SPECIALS)))
        if (len(set(self._concepts)), len(set(self._specials))) != (_CONCEPTS, _SPECIALS):
            raise ValueError(f"The checker has {_CONCEPTS} concepts and {_SPECIALS} special ones; name each once.")
        if not all(name.startswith(SPECIAL_PREFIX) for name in self._specials):
            raise ValueError(f"Names of special-care concepts begin with `{SPECIAL_PREFIX}`.")

    def scores(self, images: Sequence[Image]) -> list[dict[str, float]]:
        """Scores of each image by name. Images go through the checker one by one, so none affects another."""
        return [self._scores(image) for image in images]

    def _scores(self, image: Image) -> dict[str, float]:
        embedding = self._embedding(image)
        special, plain = self._checker.special_care_embeds, self._checker.concept_embeds
        special_bars = self._checker.special_care_embeds_weights
        adjustment, scores = 0.0, dict[str, float]()
        for name, cosine, bar in zip(self._specials, _cosines(embedding, special), special_bars, strict=True):
            scores[name] = round(cosine - bar.item() + adjustment, 3)
            adjustment = _SPECIAL_ADJUSTMENT if scores[name] > 0 else adjustment
        bars = self._checker.concept_embeds_weights
        for name, cosine, bar in zip(self._concepts, _cosines(embedding, plain), bars, strict=True):
            scores[name] = round(cosine - bar.item() + adjustment, 3)
        return {name: float(score) for name, score in scores.items()}

    @torch.inference_mode()
    def _embedding(self, image: Image) -> torch.Tensor:
        """1 x projection size, on the device and in the precision of the checker."""
        pixels = self._processor(images=image.convert("RGB"), return_tensors="pt").pixel_values
        weight = self._checker.visual_projection.weight
        pooled = self._checker.vision_model(pixels.to(weight.device, weight.dtype))[1]
        embedding: torch.Tensor = self._checker.visual_projection(pooled)
        return embedding


@torch.inference_mode()
def _cosines(embedding: torch.Tensor, concepts: torch.Tensor) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    # float32 scalars of numpy, not Python floats: the checker rounds those, and the decision hangs on its rounding.
    cosines = torch.mm(normalize(embedding), normalize(concepts).t())[0]
    return cosines.cpu().float().numpy()
