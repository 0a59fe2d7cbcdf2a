"""/console/cases: the list, the page of a case, and how it comes to a moderator and goes again."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from producer.console.fields import Handled, LeaseNo, Note, Seen, Words
from producer.console.listing import ListQuery, listed
from producer.console.pages import onward, page
from producer.console.session import OfficeDep, Reading, Writing
from producer.moderation.access import Sight
from producer.moderation.measures import ALL, BLOCK_COPIES, SUSPEND, WARN
from producer.moderation.office import Office
from producer.moderation.pictures import names
from producer.moderation.similar import similar
from safety.reasons import SENTENCES, Approval, Rejection
from storage.case import Case, CaseState
from storage.errors import ObjectMissing
from storage.moderator_store import Moderator

router = APIRouter()

MEASURES = {
    BLOCK_COPIES: "Block copies: add the hashes of its pictures to the bank",
    WARN: "Warn the tenant",
    SUSPEND: "Suspend the tenant (leads)",
}


@router.get("/cases")
def list_cases(
    request: Request, office: OfficeDep, moderator: Reading, query: Annotated[ListQuery, Query()]
) -> Response:
    """The cases of the moderator's queues that fit the filters; a job's id leads to its cases."""
    found = listed(office, moderator, query)
    if query.q.startswith("case_") and len(found.cases) == 1:
        return onward(address(found.cases[0]))
    return page(request, "cases.html", found=found, query=query, queues=office.decisions.queues(moderator))


@router.post("/next")
def next_case(office: OfficeDep, moderator: Writing) -> Response:
    """Gives the moderator the next case and leads to it; or back to the queues, which say why there is none."""
    given = office.decisions.next(moderator)
    return onward("/console/?empty=true" if given.case is None else address(given.case))


@router.get("/cases/{case_id}")
def show(
    request: Request,
    office: OfficeDep,
    case: Seen,
    moderator: Reading,
    shown: Annotated[list[str] | None, Query()] = None,
) -> HTMLResponse:
    """Everything about a case; `shown` are the pictures to show as they are."""
    dossier, sight = office.archive.dossier(case), office.access.sight(case, moderator)
    now = office.cases.now()
    return page(
        request,
        "case.html",
        dossier=dossier,
        case=case,
        sight=sight,
        now=now,
        shown=sight.clear.intersection(shown or ()),
        approvals=[(reason.value, SENTENCES[reason]) for reason in Approval],
        rejections=[(reason.value, SENTENCES[reason]) for reason in Rejection],
        measures=[(name, MEASURES[name]) for name in ALL if name != SUSPEND or moderator.role.leads],
        can=_can(office, case, moderator, sight),
        undo_takes_two=office.decisions.undoing.takes_two(case),
        four_eyes=office.policy.review.needs_two(case.kind.value, case.severity),
    )


@router.get("/cases/{case_id}/similar")
def similar_pictures(request: Request, office: OfficeDep, case: Seen, _moderator: Reading) -> HTMLResponse:
    """Known pictures that the case's pictures are copies of."""
    job = office.jobs.get(case.job_id)
    return page(request, "similar.html", case=case, found=similar(job, office.objects, office.banks))


@router.post("/cases/{case_id}/take")
def take(office: OfficeDep, case: Handled, moderator: Writing) -> Response:
    """Gives the moderator this very case."""
    return onward(address(office.decisions.take(case, moderator)))


@router.post("/cases/{case_id}/renew")
def renew(office: OfficeDep, case: Handled, moderator: Writing, lease_no: LeaseNo) -> Response:
    """Keeps the case, while its page is open."""
    kept = case.lease_by == moderator.name and office.cases.renew(replace(case, lease_no=lease_no))
    # 286 tells htmx to ask no more.
    return Response(status_code=204 if kept else 286)


@router.post("/cases/{case_id}/release")
def release(office: OfficeDep, case: Handled, moderator: Writing, lease_no: LeaseNo) -> Response:
    """Lets the case go."""
    office.decisions.give_back(replace(case, lease_no=lease_no), moderator)
    return onward("/console/")


@router.post("/cases/{case_id}/skip")
def skip(office: OfficeDep, case: Handled, moderator: Writing, lease_no: LeaseNo, reason: Words) -> Response:
    """Passes the case over."""
    office.decisions.skip(replace(case, lease_no=lease_no), moderator, reason)
    return onward("/console/")


@router.post("/cases/{case_id}/escalate")
def escalate(office: OfficeDep, case: Handled, moderator: Writing, lease_no: LeaseNo, note: Words) -> Response:
    """Passes the case on to the leads."""
    office.decisions.escalate(replace(case, lease_no=lease_no), moderator, note)
    return onward("/console/")


@router.post("/cases/{case_id}/reveal")
def reveal(
    request: Request,
    office: OfficeDep,
    case: Handled,
    moderator: Writing,
    which: Annotated[str, Form(max_length=40)],
    why: Note = "",
    shown: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Notes that the moderator looks at this picture, and shows it as it is beside those that are shown already."""
    if which not in names(office.jobs.get(case.job_id)):
        raise ObjectMissing(f"this case has no picture {which!r}, or its pictures were erased")
    office.decisions.reveal(case, moderator, which, why or None)
    together = list(dict.fromkeys([*(shown or ()), which]))
    if request.headers.get("hx-request") == "true":
        sight = office.access.sight(case, moderator)
        return page(request, "picture.html", case=case, name=which, shown=set(together), sight=sight)
    query = "&".join(f"shown={name}" for name in together if name.replace("-", "").isalnum())
    return onward(f"{address(case)}?{query}#pictures")


def address(case: Case) -> str:
    """Where a case's page is."""
    return f"/console/cases/{case.id}"


def _can(office: Office, case: Case, moderator: Moderator, sight: Sight) -> set[str]:
    """What the moderator may do with the case now, by the name of its form."""
    if sight.holds:
        second = case.state is CaseState.PROPOSED
        return {"skip", "escalate", "release", *(("confirm", "disagree") if second else ("decide",))}
    if case.is_pending and moderator.role.decides:
        free = case.lease_until is None or case.lease_until <= office.cases.now()
        return {"take"} if free else set()
    may = {"undo"} if office.decisions.undoing.may(case, moderator) else set()
    return may | ({"know"} if case.ruling and moderator.role.leads and case.copy_of is None else set())
