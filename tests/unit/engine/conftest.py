"""A tiny model for the whole session, on one CPU thread: more threads only wait for each other on a busy machine."""

from collections.abc import Iterator

import pytest
import torch

from tests.unit.engine.tiny_model import tiny_model
from worker.models import LoadedModel


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return tiny_model(tmp_path_factory.mktemp("tokenizer"))
