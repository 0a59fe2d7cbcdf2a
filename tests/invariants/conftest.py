"""Models for the whole session, and a worker's surroundings without networks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.conftest import model
from tests.unit.engine.tiny_model import CPU
from tests.unit.worker.conftest import bench
from tests.unit.worker.workbench import Bench
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner
from worker.models import LoadedModel, load_model

__all__ = ["bench", "model"]


@pytest.fixture(scope="session")
def pocket() -> LoadedModel:
    """The built-in model, for what only a model that understands can show."""
    return load_model("pocket", CPU)


@pytest.fixture
def with_model(bench: Bench, model: LoadedModel) -> Bench:
    """The bench with small random networks on its engine; one token a letter, 75 at once."""
    engine = Engine(DiffusersRunner(model))
    engine.start()
    bench.tools.engine.close()
    bench.tools = replace(bench.tools, engine=engine)
    return bench
