"""The classifiers of a worker: the checker of each model, and what the operator added to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from safety.classifier import ImageClassifier
from safety.evidence import OfImages, SignalSource
from safety.http_classifier import HttpClassifier
from safety.model_classifiers import open_classifier
from safety.policy import Policy
from storage.errors import SettingsError
from worker.engine.engine import Engine

OURS = frozenset({"banks", "concepts", "faces", "mask", "origin", "prompt", "text"})
_NAME = re.compile(r"[a-z0-9_-]{1,40}")


class OnEngine:
    """A classifier whose network runs on the engine's thread, the only one that may touch the device."""

    def __init__(self, classifier: ImageClassifier, engine: Engine) -> None:
        self._classifier = classifier
        self._engine = engine
        self.name = classifier.name
        self.version = classifier.version

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        """The classifier's scores; see ImageClassifier."""
        return self._engine.call(lambda: self._classifier.scores(images)).result()


def open_added(entries: Sequence[str], policy: Policy, device: str, engine: Engine) -> list[SignalSource]:
    """What INPAINTD_CLASSIFIERS names: `name=folder` or `name=address` each. Raises SettingsError, ClassifierError."""
    return [OfImages(_open(name, target, policy, device, engine)) for name, target in _parsed(entries).items()]


def _open(name: str, target: str, policy: Policy, device: str, engine: Engine) -> ImageClassifier:
    required = [r for r in (*policy.input_signals, *policy.result_signals) if r.source == name]
    if not required:
        raise SettingsError(
            f"INPAINTD_CLASSIFIERS names {name!r}, which the policy never asks for, so it would see no picture: "
            "list it under input_signals or result_signals, or take it out."
        )
    if target.startswith(("http://", "https://")):
        return HttpClassifier(name, target)
    texts = {concept: phrases for r in required for concept, phrases in r.texts.items()}
    return OnEngine(open_classifier(name, Path(target), device, texts), engine)


def _parsed(entries: Sequence[str]) -> Mapping[str, str]:
    found = dict[str, str]()
    for entry in entries:
        name, equals, target = (part.strip() for part in entry.partition("="))
        if not (equals and target and _NAME.fullmatch(name)):
            raise SettingsError(
                "INPAINTD_CLASSIFIERS takes name=folder or name=https://address, separated by commas; a name has up "
                "to 40 of a-z, 0-9, _ and -."
            )
        if name in OURS or name in found:
            raise SettingsError(f"INPAINTD_CLASSIFIERS: the name {name!r} is taken; choose another.")
        found[name] = target
    return found
