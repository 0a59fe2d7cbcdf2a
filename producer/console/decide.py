"""/console/cases/{id}: what moderators decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from producer.console.fields import Handled, LeaseNo, Note, Plain, Words
from producer.console.pages import onward
from producer.console.session import OfficeDep, Writing
from storage.case import Choice, Ruling

router = APIRouter(prefix="/cases/{case_id}")


@router.post("/decide")
def decide(
    office: OfficeDep,
    case: Handled,
    moderator: Writing,
    lease_no: LeaseNo,
    choice: Annotated[Choice, Form()],
    reason: Annotated[str, Form(max_length=40)],
    rule: Annotated[str, Form(max_length=100), Plain] = "",
    note: Note = "",
    then: Annotated[list[str] | None, Form()] = None,
) -> RedirectResponse:
    """Carries a decision out, or proposes it."""
    ruling = Ruling(choice, reason, rule or None, note or None, tuple(then or ()))
    office.decisions.decide(replace(case, lease_no=lease_no), moderator, ruling)
    return _done(case.id)


@router.post("/confirm")
def confirm(office: OfficeDep, case: Handled, moderator: Writing, lease_no: LeaseNo) -> RedirectResponse:
    """Carries out what another proposed."""
    office.decisions.confirm(replace(case, lease_no=lease_no), moderator)
    return _done(case.id)


@router.post("/disagree")
def disagree(office: OfficeDep, case: Handled, moderator: Writing, lease_no: LeaseNo, note: Words) -> RedirectResponse:
    """Passes the case on, because the two do not agree."""
    office.decisions.disagree(replace(case, lease_no=lease_no), moderator, note)
    return _done(case.id)


@router.post("/undo")
def undo(office: OfficeDep, case: Handled, moderator: Writing, note: Words) -> RedirectResponse:
    """Takes a decision back."""
    office.decisions.undo(case.id, moderator, note)
    return _done(case.id)


def _done(case_id: str) -> RedirectResponse:
    return onward(f"/console/?done={case_id}")
