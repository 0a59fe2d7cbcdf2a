"""/console/bulk: decisions on many cases at once."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, BeforeValidator, Field

from producer.console.cases import MEASURES
from producer.console.fields import Note
from producer.console.listing import unset
from producer.console.pages import onward, page
from producer.console.session import OfficeDep, Reading, ReadingLead, WritingLead
from producer.moderation.measures import ALL
from safety.reasons import SENTENCES, Approval, Rejection
from storage.case import CaseKind, Choice, Ruling
from storage.case_store import CaseFilter
from storage.errors import CaseNotFound

router = APIRouter(prefix="/bulk")

_BULK = re.compile(r"bulk_[0-9a-z]{26}")
_REASONS = [(Choice.APPROVE, reason, SENTENCES[reason]) for reason in Approval] + [
    (Choice.REJECT, reason, SENTENCES[reason]) for reason in Rejection
]


class BulkQuery(BaseModel):
    """Which cases, and what to decide on them. `reason` is `approve:context`, so that one list offers both kinds."""

    queue: Annotated[str | None, Field(max_length=40), BeforeValidator(unset)] = None
    kind: Annotated[CaseKind | None, BeforeValidator(unset)] = None
    category: Annotated[str | None, Field(max_length=60, pattern=r"^[^\x00]*$"), BeforeValidator(unset)] = None
    tenant: Annotated[str | None, Field(max_length=40, pattern=r"^[^\x00]*$"), BeforeValidator(unset)] = None
    reason: Annotated[str, Field(pattern=r"^(approve|reject):[a-z_]{1,40}$")]
    note: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""
    then: list[str] = Field(default_factory=list)

    @property
    def only(self) -> CaseFilter:
        """The filter."""
        queues = None if self.queue is None else [self.queue]
        return CaseFilter(queues, None, self.kind, self.category, self.tenant)

    @property
    def ruling(self) -> Ruling:
        """The ruling."""
        return _ruling(self.reason, self.note, self.then)


def _bulk_id(bulk_id: Annotated[str, Path()], _moderator: Reading) -> str:
    if not _BULK.fullmatch(bulk_id):
        raise CaseNotFound(f"there is no bulk decision {bulk_id[:40]!r}")
    return bulk_id


BulkId = Annotated[str, Depends(_bulk_id)]


@router.get("")
def overview(request: Request, office: OfficeDep, moderator: ReadingLead) -> HTMLResponse:
    """The form to choose cases and a decision, and the latest bulk decisions."""
    return page(
        request,
        "bulk.html",
        queues=office.decisions.queues(moderator),
        reasons=_REASONS,
        measures=[(name, MEASURES[name]) for name in ALL],
        latest=office.bulk.store.latest(),
    )


@router.get("/preview")
def preview(
    request: Request, office: OfficeDep, moderator: ReadingLead, query: Annotated[BulkQuery, Query()]
) -> HTMLResponse:
    """The dry run: what the decision would do to each case. Nothing is changed."""
    effects = office.bulk.preview(moderator, query.only, query.ruling)
    return page(request, "bulk_preview.html", effects=effects, query=query, ruling=query.ruling)


@router.post("")
def propose(
    office: OfficeDep,
    moderator: WritingLead,
    case: Annotated[list[str], Form(max_length=1000)],
    reason: Annotated[str, Form(pattern=r"^(approve|reject):[a-z_]{1,40}$")],
    note: Note = "",
    then: Annotated[list[str] | None, Form()] = None,
) -> RedirectResponse:
    """Proposes the decision on the cases that were left chosen."""
    chosen = [case_id for case_id in case if re.fullmatch(r"case_[0-9a-z]{26}", case_id)]
    return _to(office.bulk.propose(moderator, chosen, _ruling(reason, note, then or [])).id)


@router.get("/{bulk_id}")
def show(request: Request, office: OfficeDep, bulk_id: BulkId, moderator: ReadingLead) -> HTMLResponse:
    """A bulk decision: what it would do, or what it did, case by case."""
    bulk = office.bulk.store.get(bulk_id)
    effects = [] if bulk.results else office.bulk.effects(bulk)
    may_confirm = office.bulk.may_confirm(bulk, moderator)
    return page(request, "bulk_one.html", bulk=bulk, effects=effects, may_confirm=may_confirm)


@router.post("/{bulk_id}/confirm")
def confirm(office: OfficeDep, bulk_id: BulkId, moderator: WritingLead) -> RedirectResponse:
    """Carries it out."""
    return _to(office.bulk.confirm(bulk_id, moderator).id)


@router.post("/{bulk_id}/refuse")
def refuse(office: OfficeDep, bulk_id: BulkId, moderator: WritingLead) -> RedirectResponse:
    """Drops it."""
    return _to(office.bulk.refuse(bulk_id, moderator).id)


def _ruling(reason: str, note: str, then: list[str]) -> Ruling:
    choice, _, code = reason.partition(":")
    return Ruling(Choice(choice), code, None, note or None, tuple(then))


def _to(bulk_id: str) -> RedirectResponse:
    return onward(f"/console/bulk/{bulk_id}")
