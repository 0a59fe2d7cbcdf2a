"""Opening the tools of the product: the model on its device, and everything that a job needs beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from safety.authority import load_or_create_authority
from safety.classifier import ImageClassifier
from safety.classifiers import ConceptClassifier
from safety.mark_keys import MarkKeys
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.database import Database
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from storage.object_store import open_object_store
from storage.settings import StorageSettings
from worker.engine.devices import pick_device
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner
from worker.models import LoadedModel, load_model
from worker.publisher import Publisher
from worker.settings import WorkerSettings
from worker.tools import Tools


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


def open_tools(storage: StorageSettings, safety: SafetySettings, worker: WorkerSettings) -> Tools:
    """Loads the model, starts the engine and opens everything else. Raises the error tree of whatever is missing."""
    model = load_model(
        storage.sources["default"], pick_device(worker.device), worker.safety_checker, worker.model_config
    )
    engine = Engine(DiffusersRunner(model), worker.row_budget)
    database = Database(storage.database_url)
    tools = Tools(
        database=database,
        jobs=JobStore(database),
        leases=LeaseStore(database, storage.lease_seconds),
        objects=open_object_store(storage),
        engine=engine,
        publisher=Publisher(storage.redis_url),
        model={"alias": "default", "name": model.name, "sha256": model.sha256},
        policy=load_policy(safety.policy),
        classifiers=[OnEngine(_concepts(model), engine)],
        mark_keys=MarkKeys.from_secret(safety.require_mark_secret()),
        authority=load_or_create_authority(safety.require_credentials_dir()),
    )
    engine.start()
    return tools


def _concepts(model: LoadedModel) -> ImageClassifier:
    return ConceptClassifier(model.safety_checker, model.feature_extractor, model.sha256[:12], model.concept_names)
