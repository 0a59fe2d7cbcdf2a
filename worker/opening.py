"""Opening the tools of the product: the models on their device, and everything that a job needs beside it."""

from __future__ import annotations

from collections.abc import Mapping

from safety.certificate import open_authority
from safety.classifiers import ConceptClassifier
from safety.mark_keys import MarkKeys
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.aliases import companions_of, served
from storage.database import Database
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from storage.object_store import open_object_store
from storage.publisher import Publisher
from storage.settings import StorageSettings
from worker.classifiers import OnEngine, open_added
from worker.engine.devices import pick_device
from worker.engine.engine import Engine
from worker.engine_room import open_engine
from worker.models import LoadedModel, load_model
from worker.preview import Previewer
from worker.settings import WorkerSettings
from worker.sources import open_sources
from worker.tools import ServedModel, Tools


def open_tools(storage: StorageSettings, safety: SafetySettings, worker: WorkerSettings) -> Tools:
    """Loads the models, warms the engine up and opens everything else. Raises the error tree of whatever is missing."""
    models = _load_models(storage.sources, worker)
    wanted = worker.preview_every > 0
    engine = open_engine(models, worker)
    publisher, policy = Publisher(storage.redis_url), load_policy(safety.policy)
    database = Database(storage.database_url)
    added = open_added(worker.classifiers, policy, pick_device(worker.device).kind, engine)
    mark_keys, authority = MarkKeys.from_secret(safety.require_mark_secret()), open_authority(safety)
    return Tools(
        database=database,
        jobs=JobStore(database),
        leases=LeaseStore(database, storage.lease_seconds),
        objects=open_object_store(storage),
        engine=engine,
        publisher=publisher,
        models={alias: _served(alias, model, engine) for alias, model in models.items()},
        policy=policy,
        mark_keys=mark_keys,
        authority=authority,
        sources=[*open_sources(database, authority), *added],
        previewer=Previewer(worker.preview_every, publisher, policy) if wanted else None,
    )


def _load_models(sources: Mapping[str, str], worker: WorkerSettings) -> dict[str, LoadedModel]:
    device = pick_device(worker.device)
    checkers = companions_of("INPAINTD_SAFETY_CHECKER", worker.safety_checkers, sources)
    configs = companions_of("INPAINTD_MODEL_CONFIG", worker.model_configs, sources)
    return {
        alias: load_model(source, device, checkers.get(alias), configs.get(alias))
        for alias, source in served(sources, worker.models).items()
    }


def _served(alias: str, model: LoadedModel, engine: Engine) -> ServedModel:
    concepts = ConceptClassifier(
        model.safety_checker, model.feature_extractor, model.checker_version, model.concept_names
    )
    return ServedModel(
        identity={"alias": alias, "name": model.name, "sha256": model.sha256},
        classifiers=[OnEngine(concepts, engine)],
    )
