"""/console/figures: time to decision, overturned refusals, and how far moderators agree."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from producer.console.fields import Handled
from producer.console.pages import onward, page
from producer.console.session import OfficeDep, ReadingLead, WritingLead
from producer.moderation import agreement, figures

router = APIRouter()


@router.get("/figures")
def show(request: Request, office: OfficeDep, _moderator: ReadingLead) -> HTMLResponse:
    """Review in figures."""
    return page(
        request,
        "figures.html",
        made=figures.figures(office.statistics),
        days=figures.DAYS,
        hits=office.agreement.hits(),
        pairs=office.agreement.pairs(),
        agreement_days=agreement.DAYS,
        items=office.agreement.known.items(),
        share=office.policy.review.known_share,
    )


@router.post("/cases/{case_id}/known")
def know(office: OfficeDep, case: Handled, moderator: WritingLead) -> RedirectResponse:
    """Makes a decided case one with a known answer."""
    record = office.decisions.measures.record(case, moderator, "know")
    office.agreement.mark(case, office.jobs.get(case.job_id), [record])
    return onward(f"/console/cases/{case.id}")


@router.post("/cases/{case_id}/unknown")
def forget(office: OfficeDep, case: Handled, moderator: WritingLead) -> RedirectResponse:
    """Makes it an ordinary one again."""
    record = office.decisions.measures.record(case, moderator, "unknow")
    office.agreement.known.mark(case.id, None, [record])
    return onward(f"/console/cases/{case.id}")
