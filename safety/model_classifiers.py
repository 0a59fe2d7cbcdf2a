"""Further classifiers from local folders in the layout of transformers: a CLIP, a classifier of images, a detector.

Only weights in safetensors are read, from the folder alone: no code runs and nothing is downloaded. Besides
safety/classifiers.py, the only file of this package that knows torch.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch.nn.functional import normalize
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    AutoModelForObjectDetection,
    AutoTokenizer,
)

from safety.classifier import ImageClassifier
from safety.errors import ClassifierError

Texts = Mapping[str, Sequence[str]]
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


def open_classifier(name: str, folder: Path, device: str, texts: Texts) -> ImageClassifier:
    """The classifier in `folder`, of whatever kind its config.json says, on `device`.

    A CLIP has no concepts of its own: `texts` say what each looks like, in one or more phrases. Raises ClassifierError.
    """
    try:
        config = AutoConfig.from_pretrained(folder, **_LOCAL)
        kind = str((config.architectures or ["none"])[0])
        if kind.endswith("ForImageClassification"):
            return LabelClassifier(name, folder, device)
        if kind.endswith("ForObjectDetection"):
            return DetectorClassifier(name, folder, device)
        if hasattr(config, "text_config") and hasattr(config, "vision_config"):
            return ZeroShotClassifier(name, folder, device, texts)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ClassifierError(f"The classifier {name} cannot be loaded from {folder}: {error}") from error
    raise ClassifierError(
        f"The classifier {name} in {folder} is a {kind}; use a model for image classification or object detection, "
        "or a CLIP."
    )


class _Loaded:
    """What all three kinds share. Images go through one by one, so that none affects another."""

    def __init__(self, name: str, folder: Path, device: str, kind: Any) -> None:
        self.name = name
        self.version = _version(folder)
        self._device = device
        self._processor = AutoImageProcessor.from_pretrained(folder, **_LOCAL)
        self._model = kind.from_pretrained(folder, use_safetensors=True, **_LOCAL).eval().to(device)

    @torch.inference_mode()
    def scores(self, images: Sequence[Image]) -> list[dict[str, float]]:
        """See ImageClassifier."""
        return [self._scores(image.convert("RGB")) for image in images]

    def _scores(self, image: Image) -> dict[str, float]:
        raise NotImplementedError

    def _pixels(self, image: Image) -> Any:
        return self._processor(images=image, return_tensors="pt").to(self._device)


class LabelClassifier(_Loaded):
    """The probability, 0..1, of each label: of each by itself where the model was trained so, else among all."""

    def __init__(self, name: str, folder: Path, device: str) -> None:
        super().__init__(name, folder, device, AutoModelForImageClassification)

    def _scores(self, image: Image) -> dict[str, float]:
        logits = self._model(**self._pixels(image)).logits[0].float()
        apart = self._model.config.problem_type == "multi_label_classification"
        shares = logits.sigmoid() if apart else logits.softmax(dim=0)
        return {label: share.item() for label, share in zip(_labels(self._model), shares, strict=True)}


class DetectorClassifier(_Loaded):
    """The confidence, 0..1, of the surest find of each label; 0 where there is none."""

    def __init__(self, name: str, folder: Path, device: str) -> None:
        super().__init__(name, folder, device, AutoModelForObjectDetection)

    def _scores(self, image: Image) -> dict[str, float]:
        outputs = self._model(**self._pixels(image))
        # What is not a number passes no threshold, and would look like no find at all.
        if not bool(torch.isfinite(outputs.logits).all()):
            raise ClassifierError(f"The classifier {self.name} gave values that are no numbers.")
        size = [(image.height, image.width)]
        (found,) = self._processor.post_process_object_detection(outputs, threshold=0.0, target_sizes=size)
        scores = dict.fromkeys(_labels(self._model), 0.0)
        names = self._model.config.id2label
        for score, label in zip(found["scores"].tolist(), found["labels"].tolist(), strict=True):
            scores[names[label]] = max(score, scores[names[label]])
        return scores


class ZeroShotClassifier(_Loaded):
    """The probability, 0..1, that a picture shows one concept rather than the others that were described."""

    def __init__(self, name: str, folder: Path, device: str, texts: Texts) -> None:
        if len(texts) < 2:
            raise ClassifierError(
                f"{name} is a CLIP, which only compares: give the policy's signal {name} at least two concepts under "
                "`texts`, one of them for ordinary pictures."
            )
        super().__init__(name, folder, device, AutoModel)
        self._concepts = [concept for concept, phrases in texts.items() for _ in phrases]
        self._texts = self._embedded(folder, [phrase for phrases in texts.values() for phrase in phrases])

    @torch.inference_mode()
    def _embedded(self, folder: Path, phrases: Sequence[str]) -> torch.Tensor:
        tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
        longest = self._model.config.text_config.max_position_embeddings
        tokens = tokenizer(phrases, return_tensors="pt", padding=True, truncation=True, max_length=longest)
        features: torch.Tensor = self._model.get_text_features(**tokens.to(self._device)).pooler_output
        return normalize(features)

    def _scores(self, image: Image) -> dict[str, float]:
        features = normalize(self._model.get_image_features(**self._pixels(image)).pooler_output)
        logits = (features @ self._texts.T)[0] * self._model.logit_scale.exp()
        scores = dict.fromkeys(self._concepts, 0.0)
        for concept, share in zip(self._concepts, logits.float().softmax(dim=0).tolist(), strict=True):
            scores[concept] += share
        return scores


def _labels(model: Any) -> list[str]:
    return [str(label) for _, label in sorted(model.config.id2label.items())]


def _version(folder: Path) -> str:
    """The folder's name, and the beginning of the SHA-256 of its configuration and weights."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")]):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.name}@{digest.hexdigest()[:12]}"
