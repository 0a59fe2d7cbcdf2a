"""A job in plain words: how it stands, why, what was done, and the lines that do the same without the page. No web."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from producer.api.views import Finding, JobView
from storage.job import HeldAt, Job, JobState
from storage.params import InpaintParams

_EXCERPT = 60


class Tone(StrEnum):
    """How a page colours what it says."""

    WORK = "work"
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Why:
    """A rule that applied, as a sentence; `before`, `words` and `after` show what it found in the prompt."""

    sentence: str
    rule: str
    category: str
    severity: int
    before: str
    words: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says of a job. `live`: it may still change by itself; `appealable`: the caller may object.

    `notices` are sentences that go with every result, and no reason for anything.
    """

    title: str
    text: str
    tone: Tone
    why: tuple[Why, ...]
    notices: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    live: bool
    cancelable: bool
    appealable: bool


def told(job: Job, view: JobView, appeal_days: float) -> Told:
    """The words for `job`, whose `view` is what the API shows of it."""
    title, text, tone = _standing(job, view, appeal_days)
    moving = job.state in (JobState.QUEUED, JobState.RUNNING)
    refused = job.state is JobState.BLOCKED or job.withdrawn_at is not None
    findings = [finding for finding in view.safety.findings if finding.detail]
    return Told(
        title=title,
        text=text,
        tone=tone,
        why=tuple(_why(finding, job.params.prompt) for finding in findings if finding.severity > 0),
        notices=tuple(finding.detail for finding in findings if finding.severity == 0),
        facts=tuple(_facts(view)),
        live=moving or job.state is JobState.HELD,
        cancelable=moving or job.state is JobState.HELD,
        appealable=refused and view.replaced_by is None,
    )


def lines_of(job: Job, url: str) -> tuple[str, str]:
    """A command and a program that send the same job from the downloaded picture and mask, to the service at `url`."""
    asked = _asked(job.params)
    files = ["-F image=@input.png", *(["-F mask=@mask.png"] if job.mask_key else [])]
    # As -F, a text that begins with @ would be read as the name of a file.
    fields = [f"--form-string {name}={shlex.quote(_as_text(value))}" for name, value in asked.items()]
    command = ['curl -H "Authorization: Bearer $INPAINTD_KEY"', *files, *fields, shlex.quote(f"{url}/v1/jobs?wait=60")]
    prompt = repr(asked.pop("prompt", ""))
    options = "".join(f", {name}={value!r}" for name, value in asked.items())
    mask = "Path('mask.png')" if job.mask_key else "None"
    submit = f"    job = client.submit(Path('input.png'), {mask}, {prompt}{options})"
    return " \\\n    ".join(command), _PROGRAM.format(url=repr(url), submit=submit)


_PROGRAM = """from pathlib import Path

from producer.client import Client

with Client({url}) as client:  # and the key in INPAINTD_KEY
{submit}
    job = client.wait(job['id'])
    Path('result.png').write_bytes(client.download(job))
"""


def _standing(job: Job, view: JobView, appeal_days: float) -> tuple[str, str, Tone]:
    if job.withdrawn_at is not None:
        return "Taken back", _statement(view) or "A person took this result back.", Tone.BAD
    if job.state is JobState.HELD:
        return "Held for a person", _held(job, appeal_days), Tone.WAIT
    if job.state is JobState.BLOCKED:
        return "Refused", _statement(view) or _REFUSED, Tone.BAD
    if job.state is JobState.FAILED and view.error is not None:
        again = "Sending it again may help." if view.error.retryable else "Sending the same again will not help."
        return "Failed", f"{view.error.message} {again} (Code: {view.error.code}.)", Tone.BAD
    return _PLAIN[job.state] if job.state in _PLAIN else _moving(view)


_REFUSED = "The policy refuses this by itself: no person has looked at it, and no result is kept."
_PLAIN = {
    JobState.SUCCEEDED: ("Done", "Compare it with what was there before.", Tone.GOOD),
    JobState.CANCELED: ("Canceled", "You stopped it. Nothing was kept of what was painted so far.", Tone.OFF),
    JobState.EXPIRED: ("Expired", "It did not come to an end before its deadline.", Tone.OFF),
}


def _moving(view: JobView) -> tuple[str, str, Tone]:
    done, steps = view.progress.step, view.progress.steps
    if view.status is JobState.QUEUED:
        ahead = view.queue.position or 0
        waits = "It is served next." if ahead == 0 else f"{_counted(ahead, 'job is', 'jobs are')} served before it."
        return "Waiting", f"{waits} It starts as soon as a worker is free.", Tone.WORK
    if done >= steps:
        return "Checking", "It is painted. Now it is checked, marked and signed.", Tone.WORK
    return "Painting", f"Step {done} of {steps}.", Tone.WORK


def _held(job: Job, appeal_days: float) -> str:
    if job.held_at is HeldAt.RESULT:
        where = "The picture is painted, and lies in quarantine until a moderator has looked at it."
    else:
        where = "Nothing is painted before a moderator has looked at the request."
    return (
        f"{where} You need not do anything: this page shows the decision as soon as it is made. Should it be no, "
        f"the reasons come with it, and for {appeal_days:g} days you can appeal here to another person."
    )


def _statement(view: JobView) -> str | None:
    return None if view.safety.statement is None else view.safety.statement.text


def _why(finding: Finding, prompt: str) -> Why:
    start, end = finding.span or (0, 0)
    before, after = prompt[:start], prompt[end:]
    shown = (f"… {before[-_EXCERPT:]}" if len(before) > _EXCERPT else before, prompt[start:end])
    rest = f"{after[:_EXCERPT]} …" if len(after) > _EXCERPT else after
    place = shown if finding.span else ("", "")
    return Why(finding.detail, finding.rule, finding.category, finding.severity, *place, rest if finding.span else "")


def _facts(view: JobView) -> list[tuple[str, str]]:
    receipt = view.receipt
    painter = "Painted by" if receipt.get("actual_steps") else "Model"
    facts = [(painter, f"{view.model.name} (“{view.model.alias}”)"), ("Seed", str(view.params.seed))]
    if "actual_steps" in receipt:
        facts.append(("Steps", f"{receipt['actual_steps']} of denoising"))
    if receipt.get("saved_seconds"):
        facts.append(("Saved", f"{receipt['saved_seconds']:.1f} s of the device's time, by stopping"))
    if receipt.get("untouched"):
        facts.append(("Left alone", _untouched(receipt["untouched"])))
    if any((receipt.get("dropped_text") or {}).values()):
        facts.append(("Not read", f"the end of a prompt that was too long: {receipt['dropped_text']}"))
    if receipt.get("timings"):
        facts.append(("Time", _times(receipt["timings"])))
    marks = [image.watermark_id for image in view.images if image.watermark_id]
    if marks:
        facts.append(("Mark", f"invisible, number {', '.join(marks)}; signed content credentials say how it was made"))
    return facts


def _untouched(untouched: dict[str, object]) -> str:
    pixels = untouched.get("pixels", 0)
    if not untouched.get("checked"):
        return "not checked"
    return f"{pixels:,} pixels outside the seam equal those of your picture, byte for byte, up to the invisible mark"


def _times(timings: dict[str, float]) -> str:
    names = {"denoise": "painting", "check": "checks", "mark": "marking"}
    return ", ".join(f"{timings[name]:.1f} s {words}" for name, words in names.items() if name in timings)


def _asked(params: InpaintParams) -> dict[str, Any]:
    """Every parameter that differs from its default, as JSON has it; working sizes are the model's own."""
    default = InpaintParams().model_dump(mode="json")
    values = params.model_dump(mode="json", exclude={"width", "height"})
    return {name: value for name, value in values.items() if value != default[name]}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
