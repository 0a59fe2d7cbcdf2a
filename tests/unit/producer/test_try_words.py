"""What the try page says: lines that do the same as the page, whatever was asked, and reasons with their words."""

from __future__ import annotations

import ast
import itertools
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.api.views import job_view
from producer.console.try_words import Told, Tone, lines_of, told
from storage.job import HeldAt, Job, JobError, JobState
from storage.outlook import Expectation
from storage.params import InpaintParams
from tests.unit.producer.jobs import made_job

URL = "http://127.0.0.1:8000"
ASKED = st.fixed_dictionaries(
    {"prompt": st.text(max_size=60).filter(lambda text: "\0" not in text)},
    optional={
        "negative_prompt": st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text),
        "steps": st.integers(1, 150),
        "strength": st.floats(0.01, 1.0),
        "seed": st.integers(0, 2**32 - 1),
        "mask_invert": st.booleans(),
        "blend": st.sampled_from(["inward", "hard"]),
        "output": st.sampled_from([{"format": "jpeg", "quality": 80}]),
    },
)


def job(**changes: Any) -> Job:
    params = InpaintParams.model_validate(changes.pop("params", {"prompt": "a red circle"}))
    return made_job(params=params.resolved(native_size=128, seed=7), **changes)


def words(one: Job, position: int | None = None) -> Told:
    ahead = None if position is None else Expectation(position, None, None, None)
    return told(one, job_view(one, ahead), 30.0)


@given(asked=ASKED)
def test_the_command_asks_for_what_the_job_asked_for(asked: dict[str, Any]) -> None:
    one = job(params=asked)
    command, _ = lines_of(one, URL)
    parts = shlex.split(command)
    assert parts[:3] == ["curl", "-H", "Authorization: Bearer $INPAINTD_KEY"]
    sent = list(itertools.pairwise(parts))
    assert [part for flag, part in sent if flag == "-F"] == ["image=@input.png", "mask=@mask.png"]
    # Not -F, for which a text that begins with @ is the name of a file.
    texts: dict[str, Any] = dict(part.split("=", 1) for flag, part in sent if flag == "--form-string")
    if "output" in texts:
        texts["output"] = ast.literal_eval(texts["output"].replace("true", "True").replace("false", "False"))
    assert InpaintParams.model_validate(texts).resolved(native_size=128, seed=7) == one.params
    assert parts[-1] == f"{URL}/v1/jobs?wait=60"


@given(asked=ASKED)
def test_the_program_asks_for_what_the_job_asked_for(asked: dict[str, Any]) -> None:
    one = job(params=asked)
    _, program = lines_of(one, URL)
    calls = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
    submit = next(call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "submit")
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in submit.keywords}
    values["prompt"] = ast.literal_eval(submit.args[2])
    assert InpaintParams.model_validate(values).resolved(native_size=128, seed=7) == one.params


def test_a_job_whose_alpha_was_the_mask_has_no_mask_in_its_lines() -> None:
    command, program = lines_of(job(mask_key=None), URL)
    assert "mask" not in command
    assert "Path('input.png'), None, 'a red circle'" in program


FOUND = {"rule": "prompt.x", "category": "gore", "severity": 4, "stage": "request", "detail": "Not this."}
HELD = {"action": "review", "policy": "p@1", "findings": [{**FOUND, "span": [2, 5]}], "signals": []}


@pytest.mark.parametrize(
    ("changes", "title", "tone", "text"),
    [
        ({"state": JobState.QUEUED}, "Waiting", Tone.WORK, "It is served next."),
        ({"state": JobState.RUNNING, "step": 12}, "Painting", Tone.WORK, "Step 12 of 30."),
        ({"state": JobState.RUNNING, "step": 30}, "Checking", Tone.WORK, "checked, marked and signed"),
        ({"state": JobState.HELD, "held_at": HeldAt.REQUEST}, "Held for a person", Tone.WAIT, "Nothing is painted"),
        ({"state": JobState.HELD, "held_at": HeldAt.RESULT}, "Held for a person", Tone.WAIT, "quarantine"),
        ({"state": JobState.BLOCKED}, "Refused", Tone.BAD, "no person has looked"),
        ({"state": JobState.SUCCEEDED}, "Done", Tone.GOOD, "Compare it"),
        ({"state": JobState.CANCELED}, "Canceled", Tone.OFF, "You stopped it"),
        ({"state": JobState.EXPIRED}, "Expired", Tone.OFF, "deadline"),
        (
            {"state": JobState.FAILED, "error": JobError("lost", "It is lost.", retryable=True)},
            "Failed",
            Tone.BAD,
            "It is lost. Sending it again may help. (Code: lost.)",
        ),
    ],
)
def test_every_state_has_words(changes: dict[str, Any], title: str, tone: Tone, text: str) -> None:
    said = words(job(**changes), 0)
    assert (said.title, said.tone) == (title, tone)
    assert text in said.text


def test_what_is_held_says_how_to_appeal_later() -> None:
    said = words(job(state=JobState.HELD, held_at=HeldAt.RESULT, safety=HELD))
    assert "for 30 days you can appeal" in said.text
    assert said.live
    assert not said.appealable


def test_a_reason_shows_the_words_that_it_found() -> None:
    (why,) = words(job(state=JobState.BLOCKED, safety=HELD)).why
    assert (why.before, why.words, why.after) == ("a ", "red", " circle")
    assert (why.sentence, why.rule) == ("Not this.", "prompt.x")


def test_of_a_long_prompt_the_surroundings_alone_are_shown() -> None:
    prompt = f"{'before ' * 30}red{' after' * 30}"
    found = {**HELD, "findings": [{**FOUND, "span": [210, 213]}]}
    (why,) = words(job(params={"prompt": prompt}, state=JobState.BLOCKED, safety=found)).why
    assert why.words == "red"
    assert why.before.startswith("… ")
    assert why.after.endswith(" …")
    assert len(why.before) + len(why.after) < 140


def test_a_notice_is_no_reason() -> None:
    found = {**HELD, "findings": [{**FOUND, "severity": 0, "span": None}]}
    said = words(job(state=JobState.SUCCEEDED, safety=found))
    assert said.why == ()
    assert said.notices == ("Not this.",)


def test_a_refusal_that_another_job_carries_on_is_not_appealed_again() -> None:
    assert words(job(state=JobState.BLOCKED, safety=HELD)).appealable
    carried = {**HELD, "replaced_by": "job_2"}
    assert not words(job(state=JobState.BLOCKED, safety=carried)).appealable


def test_the_receipt_is_told_in_words() -> None:
    receipt = {
        "actual_steps": 30,
        "untouched": {"checked": True, "pixels": 185013, "sha256": "a" * 64},
        "dropped_text": {"prompt": "", "negative_prompt": ""},
        "timings": {"denoise": 0.81, "check": 0.9, "mark": 0.25},
    }
    facts = dict(words(job(state=JobState.SUCCEEDED, receipt=receipt)).facts)
    assert facts["Left alone"].startswith("185,013 pixels outside the seam equal those of your picture")
    assert facts["Time"] == "0.8 s painting, 0.9 s checks, 0.2 s marking"
    assert facts["Steps"] == "30 of denoising"
    assert "Not read" not in facts
