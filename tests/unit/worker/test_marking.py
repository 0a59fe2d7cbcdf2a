"""What the policy says about the mark, on the road of a job."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from safety import own_mark
from safety.credentials import read
from safety.mark_keys import MarkKeys
from safety.marking import UNMARKED_RULE
from safety.marking_schema import Marking, Scope, Unmarked
from safety.origin import OriginSource
from safety.watermark import Mark, detect, embed
from storage import job as rows
from storage.job import JobState
from tests.objects import keys
from tests.service import png
from tests.unit.worker.workbench import SIDE, Bench


def ruled(bench: Bench, **marking: Any) -> None:
    bench.tools = replace(bench.tools, policy=replace(bench.tools.policy, marking=Marking(**marking)))


def opened(bench: Bench, key: str) -> Image.Image:
    return Image.open(BytesIO(bench.objects.get(key)))


def rules_found(safety: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in safety["findings"]]


def test_the_policy_can_have_the_mark_in_the_edit_alone(bench: Bench) -> None:
    ruled(bench, scope=Scope.EDIT)
    job = bench.store()
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (8, 8, 84, 84))
    bench.objects.put("inputs/t/mask", png(mask), "image/png")
    bench.execute(job)
    done = bench.row(job)
    (image,) = done.images
    made = opened(bench, image.key)
    found = detect(made, bench.tools.mark_keys)
    assert found is not None
    assert found.id == image.watermark_id
    changed = np.any(np.asarray(made) != np.asarray(opened(bench, "inputs/t/image")), axis=2)
    assert changed.any()
    assert changed.sum() <= SIDE * SIDE - done.receipt["untouched"]["pixels"]


def test_an_edit_without_room_is_refused_before_anything_is_painted(bench: Bench) -> None:
    ruled(bench, scope=Scope.EDIT)
    done = bench.run()
    assert (done.state, done.error.code) == (JobState.FAILED, "mark_failed")  # type: ignore[union-attr]
    assert "64 pixels" in done.error.message  # type: ignore[union-attr]
    assert not bench.runner.batches


@pytest.mark.parametrize(
    ("below", "status"), [(Unmarked.REVIEW, JobState.HELD), (Unmarked.CREDENTIALS_ONLY, JobState.SUCCEEDED)]
)
def test_a_result_too_small_for_the_mark_leaves_only_as_the_policy_says(
    bench: Bench, below: Unmarked, status: JobState
) -> None:
    ruled(bench, smallest_side=SIDE + 1, below_smallest=below)
    done = bench.run()
    (image,) = done.images
    assert (done.state, image.watermark_id) == (status, None)
    assert UNMARKED_RULE in rules_found(done.safety)
    assert not keys(bench.objects, "manifests/"), "no mark would ever lead there"
    stated = read(bench.objects.get(image.key), "image/png", bench.tools.authority.root_pem)
    assert stated is not None
    assert (stated.made_here, stated.watermark_id) == (True, None)


def test_the_mark_of_the_input_becomes_an_ingredient_and_the_new_one_is_read(bench: Bench) -> None:
    job = bench.store()
    older, mark = embed(opened(bench, "inputs/t/image"), bench.tools.mark_keys)
    bench.objects.put("inputs/t/image", png(older), "image/png")
    bench.execute(job)
    (image,) = bench.row(job).images
    made = bench.objects.get(image.key)
    stated = read(made, "image/png", bench.tools.authority.root_pem)
    found = detect(Image.open(BytesIO(made)), bench.tools.mark_keys)
    assert stated is not None
    assert found is not None
    assert stated.parent_mark_id == mark.id
    assert found.id == image.watermark_id == stated.watermark_id != mark.id


def test_the_mark_of_the_input_is_looked_for_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[tuple[int, int]] = []

    def noting(image: Image.Image, keys: MarkKeys) -> Mark | None:
        looked_at.append(image.size)
        return detect(image, keys)

    monkeypatch.setattr(own_mark, "detect", noting)
    calm = [source for source in bench.tools.sources if source.name != OriginSource.name]
    bench.tools = replace(bench.tools, sources=[*calm, OriginSource(bench.tools.authority.root_pem)])
    done = bench.run(num_images=2)
    assert done.state is JobState.SUCCEEDED
    assert {s["name"]: s["value"] for s in done.safety["signals"]}["origin.own_mark"] == 0.0
    assert looked_at == [(SIDE, SIDE)]


def test_the_store_knows_by_which_rule_a_result_may_lack_a_mark() -> None:
    assert rows.UNMARKED_RULE == UNMARKED_RULE
