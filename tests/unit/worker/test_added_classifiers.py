"""INPAINTD_CLASSIFIERS: what it may say, and that what it names must be asked for by the policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from safety.signal_schema import RequiredSignal
from storage.errors import SettingsError
from tests.packaged import POLICY as PACKAGED
from tests.unit.engine.fake_runner import FakeRunner
from worker.classifiers import open_added
from worker.engine.engine import Engine

POLICY = replace(PACKAGED, result_signals=(RequiredSignal(source="house"), RequiredSignal(source="second")))


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(FakeRunner())
    made.start()
    yield made
    made.close()


def test_each_entry_becomes_a_source_of_its_name(engine: Engine) -> None:
    entries = ["house=http://127.0.0.1:9/score", " second = https://judge.example/score?a=b "]
    assert [source.name for source in open_added(entries, POLICY, "cpu", engine)] == ["house", "second"]
    assert open_added([], POLICY, "cpu", engine) == []


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        (["other=http://127.0.0.1:9/"], "the policy never asks for"),
        (["house"], "takes name=folder"),
        (["house="], "takes name=folder"),
        (["My house=/models/a"], "takes name=folder"),
        (["faces=/models/a"], "'faces' is taken"),
        (["house=http://127.0.0.1:9/", "house=http://127.0.0.1:9/"], "'house' is taken"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_worker_starts(entries: list[str], says: str, engine: Engine) -> None:
    with pytest.raises(SettingsError, match=says):
        open_added(entries, POLICY, "cpu", engine)
