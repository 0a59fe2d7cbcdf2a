"""The engine and the loop around diffusers' pipeline are set the same task, and do it alike."""

from pathlib import Path

from bench.engine_cpu import difference, measure
from bench.paint_requests import paint_request
from tests.unit.engine.tiny_model import tiny_model


def test_both_paint_the_same_pictures_and_the_engine_shares_its_calls(tmp_path: Path) -> None:
    model = tiny_model(tmp_path)
    requests = [paint_request(number, 64, steps, number != 1) for number, steps in enumerate((3, 4, 5))]
    ours, theirs = measure(model, requests, rounds=1)
    assert difference(ours.pictures, theirs.pictures) <= 1
    assert (ours.calls, theirs.calls) == (5, 3 + 4 + 5)
    assert difference(ours.pictures[:1], theirs.pictures[1:2]) > 1
