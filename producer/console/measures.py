"""/console/measures: warnings and suspensions that stand, and ending them."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from producer.console.fields import Words
from producer.console.pages import onward, page
from producer.console.session import OfficeDep, ReadingLead, WritingLead
from producer.errors import NotAllowed

router = APIRouter(prefix="/measures")

_MEASURE = re.compile(r"msr_[0-9a-z]{26}")
_CASE = re.compile(r"case_[0-9a-z]{26}")


@router.get("")
def standing(request: Request, office: OfficeDep, _moderator: ReadingLead) -> HTMLResponse:
    """Every measure that stands."""
    found = office.measures.standing()
    return page(request, "measures.html", measures=found, names=office.tenants.names([one.tenant_id for one in found]))


@router.post("/{measure_id}/end")
def end(
    office: OfficeDep,
    moderator: WritingLead,
    measure_id: Annotated[str, Path()],
    why: Words,
    case: Annotated[str, Form(max_length=40)] = "",
) -> RedirectResponse:
    """Ends one; leads back to the case that it was ended from, where there was one."""
    if not _MEASURE.fullmatch(measure_id):
        raise NotAllowed("There is no such measure.")
    office.decisions.measures.end(measure_id, moderator, why)
    return onward(f"/console/cases/{case}#tenant" if _CASE.fullmatch(case) else "/console/measures")
