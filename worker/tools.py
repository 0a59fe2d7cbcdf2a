"""What a worker process opens once and every job uses. worker/opening.py opens the product's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safety.authority import Authority
from safety.classifier import ImageClassifier
from safety.evidence import SignalSource, of_images
from safety.mark_keys import MarkKeys
from safety.policy import Policy
from storage.database import Database
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from storage.object_store import ObjectStore
from storage.publisher import Publisher
from worker.engine.engine import Engine
from worker.preview import Previewer


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model: `identity` is the `model` object of the jobs it ran, `classifiers` judge their pictures."""

    identity: dict[str, Any]
    classifiers: Sequence[ImageClassifier]


@dataclass(frozen=True, slots=True)
class Tools:
    """The open connections, the engine and the models by alias of one worker process. The engine has been started."""

    database: Database
    jobs: JobStore
    leases: LeaseStore
    objects: ObjectStore
    engine: Engine
    publisher: Publisher
    models: Mapping[str, ServedModel]
    policy: Policy
    mark_keys: MarkKeys
    authority: Authority
    sources: Sequence[SignalSource] = ()
    previewer: Previewer | None = None

    def sources_of(self, alias: str) -> list[SignalSource]:
        """Everything that measures the pictures of a model's jobs: its own classifiers, and what all models share."""
        return [*of_images(self.models[alias].classifiers), *self.sources]

    def close(self) -> None:
        """Ends the engine and lets every connection go."""
        self.engine.close()
        if self.previewer is not None:
            self.previewer.close()
        self.publisher.close()
        self.database.close()
