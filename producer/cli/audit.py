"""`inpaintd audit`: what was decided on a job, and the proof that nobody rewrote it since."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.cli.plain_errors import Unwell
from producer.doctor import check_database, check_schema
from storage.audit_store import AuditStore, Head, Record
from storage.audit_verify import Report
from storage.audit_verify import verify as walk


class _Anchor(click.ParamType[Head]):
    """`<records>:<hash>`, as `inpaintd audit head` prints it."""

    name = "records:hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        found = re.fullmatch(r"(\d+):([0-9a-f]{64})", str(value).strip())
        if found is None:
            self.fail("an anchor is what `inpaintd audit head` printed: a number, a colon, 64 hex digits", param, ctx)
        return Head(int(found[1]), found[2])


ANCHOR = click.option("--anchor", type=_Anchor(), help="An earlier `audit head` that was kept elsewhere.")


@click.group()
def audit() -> None:
    """The record of every decision, and the chain that guards it."""


@audit.command()
@ANCHOR
@JSON
def verify(anchor: Head | None, json_output: bool) -> None:
    """Walk the whole chain and name the first record that was changed, removed or inserted.

    Somebody who may write to the whole database could write the whole chain anew; only an anchor shows that.
    """
    with open_database(check_database, check_schema) as database:
        report = walk(AuditStore(database), anchor)
    if json_output:
        as_json(asdict(report))
    else:
        click.echo("\n".join(_sentences(report, anchor)))
    if report.fault is not None:
        click.get_current_context().exit(Unwell.exit_code)


@audit.command()
@JSON
def head(json_output: bool) -> None:
    """Print how the chain ends now, as an anchor to be kept where nobody here can change it."""
    with open_database(check_database, check_schema) as database:
        end = AuditStore(database).head()
    if json_output:
        as_json({"records": end.seq, "hash": end.hash})
    else:
        click.echo(f"{end.seq}:{end.hash}")


@audit.command()
@click.argument("job_id", metavar="JOB")
@JSON
def show(job_id: str, json_output: bool) -> None:
    """Show every decision on the job JOB, oldest first."""
    with open_database(check_database, check_schema) as database:
        records = AuditStore(database).of(job_id)
    if not records:
        raise Unwell(f"There is no record of a decision on {job_id}; check the id.")
    if json_output:
        as_json([_shown(record) for record in records])
        return
    click.echo("\n\n".join("\n".join(_lines(record)) for record in records))


def _sentences(report: Report, anchor: Head | None) -> Sequence[str]:
    fits = "" if anchor is None or report.fault is not None else f" They contain the anchor {anchor.seq}."
    said = [f"{report.checked} of {report.head.seq} sealed records checked, each as it was sealed.{fits}"]
    if report.erased:
        erased = ", ".join(f"{count} {name}" for name, count in sorted(report.erased.items()))
        said.append(f"Erased since, by retention: {erased}.")
    if report.unsealed:
        said.append(f"{report.unsealed} not sealed yet; the keeper does that every two seconds.")
    return [*said, f"BROKEN at record {report.fault.seq}: {report.fault.sentence}"] if report.fault else said


def _lines(record: Record) -> Sequence[str]:
    content = record.content
    said, words, seal = content["record"] or {}, content["prompts"] or {}, record.hash or "not sealed yet"
    lines = [f"{record.at:%Y-%m-%d %H:%M:%S}  {said.get('stage', '?')}: {said.get('action', 'erased')}"]
    if said:
        policy = said["policy"]
        lines.append(f"  by {said['actor']} under {policy['name']}@{policy['version']} ({policy['sha256'][:12]})")
    lines += [f"  reason: {said['reason']}"] if said.get("reason") else []
    lines += [f"  note: {words['note']}"] if words.get("note") else []
    lines += [
        f"  {finding['action']}: {finding['rule']} ({finding['category']})" for finding in said.get("findings", [])
    ]
    lines += [f"  signal {_signal(signal)}" for signal in said.get("signals", [])]
    for form, both in (words.get("prompts") or {}).items():
        lines.append(f"  {form}: {both['prompt']!r}, negative {both['negative_prompt']!r}")
    lines += [f"  erased: {', '.join(record.erased)}"] if record.erased else []
    return [*lines, f"  record {record.seq or '-'} {record.id}, {seal}"]


def _signal(signal: dict[str, Any]) -> str:
    value = f"failed: {signal['error']}" if signal["value"] is None else f"{signal['value']:g}"
    over = "" if signal["threshold"] is None else f" (threshold {signal['threshold']:g})"
    return f"{signal['name']} = {value}{over}, {signal['backend']} {signal['version']}"


def _shown(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "subject": record.subject,
        "at": record.at.isoformat(),
        **record.content,
        "erased": record.erased,
        "seq": record.seq,
        "previous": record.previous,
        "hash": record.hash,
    }
