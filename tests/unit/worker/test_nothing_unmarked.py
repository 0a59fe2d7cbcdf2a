"""Promise 4, second half: whichever step of marking goes wrong, no image becomes visible and none stays behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from safety.credentials import Signed
from safety.errors import CredentialsError, MarkError
from safety.mark_keys import MarkKeys
from safety.watermark import Mark, embed
from storage.errors import ObjectStoreUnavailable
from storage.job import HeldAt, Job, JobError, JobResult, JobState, ResultImage
from storage.review_store import ReviewStore
from tests.jobs import make_due, result
from tests.unit.worker.workbench import CLEAN, Bench
from worker import marking
from worker.outcomes import MAX_ERRORS

WITHHELD = (JobState.FAILED, JobState.QUEUED)
"""A failure for good, or one that another try may not meet."""


def patched(monkeypatch: pytest.MonkeyPatch, name: str, wrap: Callable[[Any], Any]) -> None:
    """Puts `wrap(what it really is)` in the place of a step of marking."""
    monkeypatch.setattr(marking, name, wrap(getattr(marking, name)))


def raising(error: Exception) -> Callable[[Any], Any]:
    def wrap(_: Any) -> Any:
        def step(*_arguments: Any, **_named: Any) -> Any:
            raise error

        return step

    return wrap


def altered(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The step as it is, whose answer is `change`d."""
    return lambda real: lambda *arguments, **named: change(real(*arguments, **named))


def another_id(mark: Mark | None) -> Mark | None:
    return None if mark is None else replace(mark, id="fedcba987")


def of_other_pixels(signed: Signed) -> Signed:
    """A whole file that says nothing."""
    with Image.open(BytesIO(signed.data)) as picture:
        buffer = BytesIO()
        Image.new(picture.mode, picture.size, "teal").save(buffer, "PNG")
    return replace(signed, data=buffer.getvalue())


def flipped(signed: Signed) -> Signed:
    """One byte of the pixels is another."""
    place = signed.data.rindex(b"IDAT") + 40
    changed = bytes([signed.data[place] ^ 1])
    return replace(signed, data=signed.data[:place] + changed + signed.data[place + 1 :])


def unsigned(real: Callable[..., Signed]) -> Callable[..., Signed]:
    return lambda data, *rest: replace(real(data, *rest), data=data)


STEPS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "embedding fails": ("embed", raising(MarkError("no strength reads back"))),
    "embedding crashes": ("embed", raising(FloatingPointError("overflow"))),
    "embedding does nothing": ("embed", lambda real: lambda image, keys, **rest: (image, real(image, keys, **rest)[1])),
    "the mark is one of another key": (
        "embed",
        lambda _: lambda image, _keys, **rest: embed(image, MarkKeys.from_secret("of somebody else entirely"), **rest),
    ),
    "nothing is decoded": ("detect", lambda _: lambda *_a, **_n: None),
    "another id is decoded": ("detect", altered(another_id)),
    "decoding crashes": ("detect", raising(ValueError("not a tile"))),
    "encoding fails": ("encode", raising(OSError("no codec"))),
    "signing fails": ("sign", raising(CredentialsError("no certificate"))),
    "signing crashes": ("sign", raising(RuntimeError("native library"))),
    "signing leaves the file as it was": ("sign", unsigned),
    "signing makes another picture": ("sign", altered(of_other_pixels)),
    "signing spoils the pixels": ("sign", altered(flipped)),
    "signing cuts the file": ("sign", altered(lambda signed: replace(signed, data=signed.data[:-200]))),
    "signing returns nothing": ("sign", altered(lambda signed: replace(signed, data=b""))),
    "credentials cannot be read": ("read", raising(CredentialsError("not readable"))),
    "credentials are gone": ("read", altered(lambda _: None)),
    "credentials name another mark": ("read", altered(lambda c: replace(c, watermark_id="fedcba987"))),
    "credentials are somebody else's": ("read", altered(lambda c: replace(c, signed_here=False))),
    "credentials do not fit the pixels": ("read", altered(lambda c: replace(c, matches_pixels=False))),
}


@pytest.fixture(scope="module")
def kept() -> list[Any]:
    """What embedding made of the one picture that every job here makes."""
    return []


@pytest.fixture(autouse=True)
def embedded_once(kept: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedding takes most of a job's time."""

    def embed_once(*arguments: Any, **named: Any) -> Any:
        if not kept:
            kept.append(embed(*arguments, **named))
        return kept[0]

    monkeypatch.setattr(marking, "embed", embed_once)


def assert_withheld(bench: Bench, job: Job, why: str) -> None:
    assert job.state in WITHHELD, why
    assert job.images == (), why
    assert bench.made() == [], why
    assert job.state is JobState.FAILED or job.error_count > 0, why


@pytest.mark.parametrize("odd", [False, True])
def test_whichever_step_of_marking_fails_nothing_leaves_and_nothing_stays(bench: Bench, odd: bool) -> None:
    """Neither to the caller nor into quarantine, from where a person's word would release it."""
    for what, (step, wrap) in list(STEPS.items())[int(odd) :: 2]:
        held = step in ("sign", "detect")
        bench.judge.answer = lambda held=held: {**CLEAN, "test_pattern": 0.3 if held else -0.3}  # type: ignore[misc]
        with pytest.MonkeyPatch.context() as patch:
            patched(patch, step, wrap)
            assert_withheld(bench, bench.run(), what)
    bench.judge.answer = lambda: CLEAN
    assert bench.run().state is JobState.SUCCEEDED, "or this would show nothing"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_image_that_cannot_be_marked_holds_back_all(bench: Bench, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    calls = iter(range(10))

    def wrap(real: Any) -> Any:
        def sign(*arguments: Any) -> Any:
            if next(calls) == at:
                raise CredentialsError("no certificate")
            return real(*arguments)

        return sign

    patched(monkeypatch, "sign", wrap)
    assert_withheld(bench, bench.run(num_images=3), f"image {at}")


@pytest.mark.parametrize("at", range(4))
def test_a_store_that_fails_at_any_of_its_objects_leaves_none_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    job = bench.store(num_images=2)
    put, calls = bench.objects.put, iter(range(100))

    def fail_from(key: str, data: bytes, content_type: str) -> None:
        if next(calls) >= at:
            raise ObjectStoreUnavailable("gone")
        put(key, data, content_type)

    monkeypatch.setattr(bench.objects, "put", fail_from)
    bench.execute(job)
    assert_withheld(bench, bench.row(job), f"object {at}")


def test_what_never_can_be_marked_fails_in_the_end_and_shows_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched(monkeypatch, "sign", raising(RuntimeError("native library")))
    job = bench.store()
    for _ in range(MAX_ERRORS):
        bench.execute(job)
        assert_withheld(bench, bench.row(job), "every time")
        if bench.row(job).state is JobState.QUEUED:
            make_due(bench.tools.database, job)
            job = bench.desk.claim_one()
    assert bench.row(job).state is JobState.FAILED


def without_mark(images: Sequence[ResultImage]) -> tuple[ResultImage, ...]:
    return tuple(replace(image, watermark_id="") for image in images)


@pytest.mark.parametrize("spoil", [without_mark, lambda _: ()], ids=["an image without a mark", "no image at all"])
def test_the_store_itself_shows_nothing_that_is_not_marked(bench: Bench, spoil: Callable[..., Any]) -> None:
    job, jobs = bench.store(), bench.tools.jobs
    made = result(job)
    bad = JobResult(spoil(made.images), made.receipt, made.safety, made.model)
    for move in (jobs.succeed, jobs.hold_result):
        with pytest.raises(ValueError, match="watermark"):
            move(job, bad)
    assert jobs.hold_result(job, made)
    held = bench.row(job)
    assert (held.state, held.held_at) == (JobState.HELD, HeldAt.RESULT)
    review = ReviewStore(bench.tools.database)
    with pytest.raises(ValueError, match="watermark"):
        review.approve(replace(held, images=spoil(held.images)), safety=held.safety)
    assert bench.row(job).state is JobState.HELD


def test_a_job_that_failed_names_no_image_either(bench: Bench) -> None:
    job = bench.store()
    assert bench.tools.jobs.fail(job, JobError("mark_failed", "The mark did not survive."))
    assert bench.row(job).images == ()
