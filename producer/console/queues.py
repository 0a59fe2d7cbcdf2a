"""/console/: how the queues stand, what a moderator may still look at, and what was decided lately."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from producer.console.pages import page
from producer.console.session import OfficeDep, Reading
from storage.case_reader import NOTHING
from storage.errors import CaseNotFound

router = APIRouter()

_DECIDED = 50


@router.get("/")
def home(
    request: Request,
    office: OfficeDep,
    moderator: Reading,
    empty: bool = False,
    done: Annotated[str, Query(pattern=r"^(case_[0-9a-z]{26})?$")] = "",
) -> HTMLResponse:
    """The queues that the moderator sees; `empty` after there was no case to give, `done` is what was just decided."""
    stands = office.reader.queues()
    try:
        decided = office.cases.get(done) if done else None
    except CaseNotFound:
        decided = None
    return page(
        request,
        "queues.html",
        queues=[(name, stands.get(name, NOTHING)) for name in office.decisions.queues(moderator)],
        allowance=office.decisions.care.allowance(moderator.name),
        empty=empty,
        hours=office.policy.review.exposure.hours,
        rest=office.policy.review.exposure.break_minutes,
        decided=decided,
        may_undo=decided is not None and office.decisions.undoing.may(decided, moderator),
    )


@router.get("/decided")
def decided(
    request: Request,
    office: OfficeDep,
    moderator: Reading,
    everybody: bool = False,
    before: Annotated[str | None, Query(pattern=r"^case_[0-9a-z]{26}$")] = None,
) -> HTMLResponse:
    """What the moderator decided, or everybody did, the last first: from here decisions are undone."""
    whose = None if everybody else moderator.name
    found = office.reader.decided(whose, limit=_DECIDED, before=before)
    seen = [case for case in found if case.queue in office.decisions.queues(moderator)]
    more = found[-1].id if len(found) == _DECIDED else None
    return page(request, "decided.html", cases=seen, everybody=everybody, more=more)


@router.get("/keys")
def keys(request: Request, _moderator: Reading) -> HTMLResponse:
    """What the keyboard does; `?` shows the same over any page."""
    return page(request, "keys.html")
