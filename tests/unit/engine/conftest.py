"""A tiny model for the whole session."""

import pytest

from tests.unit.engine.tiny_model import tiny_model
from worker.models import LoadedModel


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return tiny_model(tmp_path_factory.mktemp("tokenizer"))
