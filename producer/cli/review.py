"""`inpaintd review`: what the policy held, and a person's word on it. Works on the database itself, like `keys`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.doctor import check_database, check_schema
from producer.moderation.export import FORMATS
from producer.moderation.export import export as exported
from producer.review import Reviewer, Word
from safety.policy import load_policy
from safety.reasons import SENTENCES, Approval, Rejection
from safety.settings import SafetySettings
from safety.verdict import Verdict
from storage.audit_store import AuditStore
from storage.job import Job, JobState
from storage.object_store import open_object_store
from storage.review_store import ReviewStore
from storage.settings import StorageSettings, secret_text

F = TypeVar("F", bound=Callable[..., None])


def _word(kind: type[Approval] | type[Rejection]) -> Callable[[F], F]:
    """The options that say who decided and why."""
    reasons = "\b\n" + "\n".join(f"{reason}: {SENTENCES[reason]}" for reason in kind)

    codes = click.Choice([reason.value for reason in kind])

    def options(command: F) -> F:
        command.__doc__ = f"{command.__doc__}\n\n{reasons}"
        for option in (
            click.option("--second", help="Who else agrees, where the policy asks for two; it goes on record."),
            click.option("--note", help="Your own words, kept with the decision."),
            click.option("--reason", type=codes, required=True, help="Why; see above."),
            click.option("--by", "actor", required=True, help="Who decides; it goes on record."),
        ):
            command = option(command)
        return command

    return options


@click.group()
def review() -> None:
    """Jobs that wait for a person's decision."""


@review.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Jobs to show.")
@click.option("--after", default="", help="Only jobs behind this one.")
@JSON
def list_(limit: int, after: str, json_output: bool) -> None:
    """List held jobs, oldest first."""
    with open_database(check_database, check_schema) as database:
        held = ReviewStore(database).held(limit=limit, after=after)
    if json_output:
        as_json([_shown(job) for job in held])
        return
    for job in held:
        rules = ", ".join(dict.fromkeys(finding["rule"] for finding in _asking(job)))
        click.echo(f"{job.id}  {job.created_at:%Y-%m-%d %H:%M}  {job.held_at}  {rules}")


@review.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--save", type=click.Path(file_okay=False, path_type=Path), help="Write its pictures into this folder, to be seen."
)
@JSON
def show(job_id: str, save: Path | None, json_output: bool) -> None:
    """Show what was found about the job JOB, and its prompts."""
    with open_database(check_database, check_schema) as database:
        job = ReviewStore(database).get(job_id)
    saved = [] if save is None else _save(job, save)
    if json_output:
        as_json(_shown(job) | {"saved": [str(path) for path in saved]})
        return
    held = f" at its {job.held_at}" if job.state is JobState.HELD else ""
    click.echo(f"{job.id} is {job.state}{held}\nprompt: {job.params.prompt}")
    if job.params.negative_prompt:
        click.echo(f"negative prompt: {job.params.negative_prompt}")
    for finding in job.safety["findings"]:
        click.echo(f"{finding['action']}  {finding['rule']} (severity {finding['severity']}): {finding['detail']}")
    for path in saved:
        click.echo(path)


@review.command()
@click.argument("job_id", metavar="JOB")
@_word(Approval)
@JSON
def approve(job_id: str, actor: str, reason: Approval, note: str | None, second: str | None, json_output: bool) -> None:
    """Let the job JOB pass: a held result is released as it is, a held request goes into the queue."""
    with _reviewer() as reviewer:
        job = reviewer.approve(job_id, Word(actor, Approval(reason), _agreed(reviewer, job_id, actor, second, note)))
    _print(job, json_output=json_output)


@review.command()
@click.argument("job_id", metavar="JOB")
@_word(Rejection)
@JSON
def reject(job_id: str, actor: str, reason: Rejection, note: str | None, second: str | None, json_output: bool) -> None:
    """Block the job JOB for good; pictures that were made for it are deleted."""
    with _reviewer() as reviewer:
        job = reviewer.reject(job_id, Word(actor, Rejection(reason), _agreed(reviewer, job_id, actor, second, note)))
    _print(job, json_output=json_output)


@review.command()
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="CSV or JSON lines."
)
def export(kind: str) -> None:
    """Print what people decided, from the sealed audit record, oldest first, with its place in the chain."""
    with open_database(check_database, check_schema) as database:
        for text in exported(AuditStore(database), kind):
            click.echo(text, nl=False)


@contextmanager
def _reviewer() -> Iterator[Reviewer]:
    policy = load_policy(SafetySettings.from_env(secret_text).policy)
    with open_database(check_database, check_schema) as database:
        yield Reviewer(ReviewStore(database), policy)


def _agreed(reviewer: Reviewer, job_id: str, actor: str, second: str | None, note: str | None) -> str | None:
    """The note, with who agreed. Raises UsageError where two have to decide and one did."""
    verdict = Verdict.from_dict(reviewer.store.get(job_id).safety)
    severity = max((finding.severity for finding in verdict.findings), default=0)
    if reviewer.policy.review.needs_two("held", severity) and second in (None, actor):
        raise click.UsageError(f"Two people decide what is of severity {severity}: name the other with --second.")
    return note if second is None else f"{note or ''} (Agreed by {second}.)".strip()


def _print(job: Job, *, json_output: bool) -> None:
    if json_output:
        as_json(_shown(job))
    else:
        click.echo(f"{job.id} is {job.state}")


def _asking(job: Job) -> list[dict[str, Any]]:
    return [finding for finding in job.safety["findings"] if finding["action"] == "review"]


def _shown(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant_id": job.tenant_id,
        "user": job.user,
        "status": job.state,
        "held_at": job.held_at,
        "created_at": job.created_at.isoformat(),
        "prompt": job.params.prompt,
        "negative_prompt": job.params.negative_prompt,
        "safety": job.safety,
        "images": len(job.images),
    }


def _save(job: Job, folder: Path) -> list[Path]:
    """Writes input, mask and what lies in quarantine. Raises ObjectMissing, ObjectStoreUnavailable, OSError."""
    objects = open_object_store(StorageSettings.from_env())
    keys = {"input": job.image_key, "mask": job.mask_key}
    keys |= {f"result-{image.index}": image.key for image in job.images}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, key in keys.items():
        if key is not None:
            data = objects.get(key)
            paths.append(folder / f"{job.id}-{name}{_suffix(data)}")
            paths[-1].write_bytes(data)
    return paths


def _suffix(data: bytes) -> str:
    return ".png" if data.startswith(b"\x89PNG") else ".webp" if data.startswith(b"RIFF") else ".jpg"
