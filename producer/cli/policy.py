"""`inpaintd policy`: whether a policy is sound, what it says about a request, and what it would have said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.cli.plain_errors import Unwell
from producer.doctor import check_database, check_schema
from producer.explain import Explained, explain_request
from producer.replay import Replayed, difference
from producer.replay import replay as make_again
from safety.errors import PolicyError
from safety.policy import load_policy
from safety.policy_check import check_policy
from safety.policy_files import PACKAGED
from safety.settings import SafetySettings
from safety.verdict import Finding
from storage.audit_store import AuditStore
from storage.params import InpaintParams, PromptSyntax
from storage.settings import secret_text

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
POLICY = click.option(
    "--policy", "file", type=_FILE, help="Another policy than the one in force (INPAINTD_POLICY, or the packaged one)."
)
_SHOWN_IDS = 10


@click.group()
def policy() -> None:
    """The rules of what this service will and will not make."""


@policy.command()
@click.argument("file", type=_FILE, required=False)
@JSON
def check(file: Path | None, json_output: bool) -> None:
    """Check the policy FILE: its schema, and every example of every rule. By default, the policy in force."""
    path = file or SafetySettings.from_env(secret_text).policy or PACKAGED
    try:
        checked = check_policy(path)
    except PolicyError as broken:
        raise Unwell(str(broken)) from broken
    if json_output:
        as_json({"file": str(path), **asdict(checked)})
    else:
        for problem in checked.problems:
            click.echo(problem)
        sound = f"{len(checked.problems)} do not come out" if checked.problems else "all come out"
        click.echo(f"{checked.label} ({checked.sha256[:12]}): {checked.examples} examples, {sound}.")
    if checked.problems:
        click.get_current_context().exit(Unwell.exit_code)


@policy.command()
@click.argument("prompt")
@click.option("--negative-prompt", default="", help="What the request does not want.")
@click.option(
    "--prompt-syntax", type=click.Choice([syntax.value for syntax in PromptSyntax]), default="plain", show_default=True
)
@click.option("--image", type=_FILE, help="The picture of the request.")
@click.option("--mask", type=_FILE, help="Its mask; without one, the picture's transparent part.")
@POLICY
@JSON
def explain(file: Path | None, image: Path | None, mask: Path | None, json_output: bool, **words: Any) -> None:
    """Explain what the policy says about a request with this PROMPT, and why. Nothing is stored."""
    rules = load_policy(file or SafetySettings.from_env(secret_text).policy)
    pictures = (None if image is None else image.read_bytes(), None if mask is None else mask.read_bytes())
    explained = explain_request(InpaintParams(**words), *pictures, rules)
    if json_output:
        as_json(_as_dict(explained))
    else:
        click.echo("\n".join(_lines(explained)))


@policy.command()
@click.argument("file", type=_FILE)
@click.option("--since", type=click.DateTime(), help="Only decisions from this time on (UTC).")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The newest so many records.")
@JSON
def replay(file: Path, since: datetime | None, limit: int, json_output: bool) -> None:
    """Make past decisions again under the policy FILE, from the audit record, and print what would differ."""
    rules = load_policy(file)
    with open_database(check_database, check_schema) as database:
        moment = None if since is None else since.replace(tzinfo=UTC)
        made = list(make_again(AuditStore(database).latest(since=moment, limit=limit), rules))
    if json_output:
        as_json([asdict(one) | {"changed": one.changed} for one in made])
    else:
        click.echo("\n".join(_differences(made, rules.label)))


def _lines(explained: Explained) -> Sequence[str]:
    verdict, words = explained.verdict, explained.prompts
    lines = [f"{verdict.action} under {verdict.policy}", f"the rules read: {words.normalized.prompt}"]
    if words.submitted.negative_prompt:
        lines.append(f"in the negative prompt: {words.normalized.negative_prompt}")
    for finding in verdict.findings:
        decides = ", decides" if finding is verdict.deciding else ""
        lines.append(
            f"- {finding.rule} ({finding.category}, severity {finding.severity}): {finding.action}{decides}\n"
            f"    {_marked(finding, words.submitted.prompt)}\n    {finding.detail}"
        )
    for signal in verdict.signals:
        over = "" if signal.threshold is None else f" (threshold {signal.threshold:g})"
        lines.append(f"signal {signal.name} = {signal.error if signal.value is None else f'{signal.value:g}'}{over}")
    if explained.unmeasured:
        lines.append(f"measured by a worker only: {', '.join(explained.unmeasured)}")
    return lines


def _marked(finding: Finding, prompt: str) -> str:
    """The prompt with the words that set the rule off between >> and <<."""
    if finding.span is None:
        return "not by words of the prompt"
    start, end = finding.span
    return f"{prompt[:start]}>>{prompt[start:end]}<<{prompt[end:]}"


def _as_dict(explained: Explained) -> dict[str, Any]:
    deciding, prompt = explained.verdict.deciding, explained.prompts.submitted.prompt
    matched = [None if f.span is None else prompt[slice(*f.span)] for f in explained.verdict.findings]
    told = explained.verdict.audit_dict()
    return {
        **told,
        "findings": [found | {"matched": text} for found, text in zip(told["findings"], matched, strict=True)],
        "decided_by": None if deciding is None else deciding.rule,
        "prompts": asdict(explained.prompts),
        "unmeasured": list(explained.unmeasured),
    }


def _differences(made: Sequence[Replayed], label: str) -> Sequence[str]:
    found = difference(made)
    lines = [f"{found.made} decisions made again under {label}: {len(found.changed)} would differ."]
    for (before, after), count in found.moved.items():
        lines.append(f"{before} -> {after}: {count}")
        alike = [one for one in found.changed if (one.before, str(one.after)) == (before, after)]
        lines += [
            f"  {one.subject} {one.stage}: {', '.join(one.rules) or 'no rule any more'}" for one in alike[:_SHOWN_IDS]
        ]
        lines += [f"  and {count - _SHOWN_IDS} more; --json has all"] if count > _SHOWN_IDS else []
    return [*lines, *(f"not made again: {count}, because {reason}" for reason, count in found.reasons.items())]
