"""Nobody sees too much: a budget by severity, breaks, and most of a category in a day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from producer.errors import NotAllowed
from producer.moderation.care import Care
from producer.moderation.decisions import Decisions
from storage.audit_store import AuditStore
from storage.case import CaseState
from storage.moderator_store import Role
from tests.cases import open_case
from tests.contract.moderation.office import Office


def limited(office: Office, **limits: Any) -> Decisions:
    exposure = office.policy.review.exposure.model_copy(update=limits)
    return replace(office.decisions, care=Care(office.exposures, exposure))


def seen(office: Office, decisions: Decisions, severity: int, name: str = "ada") -> None:
    """Somebody reveals all pictures of a case of this severity, and passes it over."""
    job = office.held_request(severity)
    case = office.cases.take(office.cases.of_job(job.id)[0].id, name)
    for picture in ("input", "mask"):
        decisions.reveal(case, office.moderator(name), picture, "The words do not tell.")
    decisions.skip(case, office.moderator(name), "seen")


def test_who_has_seen_enough_takes_a_break(office: Office) -> None:
    decisions, ada = limited(office, limit=4.0), office.moderator("ada")
    seen(office, decisions, 4)
    assert decisions.next(ada).allowance.weight == 2.0, "a case counts once, however many pictures it has"
    seen(office, decisions, 4)
    waiting = office.held_request()
    rest = decisions.next(ada)
    assert rest.case is None
    assert 0 < rest.allowance.break_seconds <= office.policy.review.exposure.break_minutes * 60
    with pytest.raises(NotAllowed, match="Take a break"):
        decisions.take(office.cases.of_job(waiting.id)[0], ada)
    assert decisions.next(office.moderator("bea")).case is not None


def test_the_gravest_weigh_more(office: Office) -> None:
    decisions, lea = limited(office, limit=8.0), office.moderator("lea", Role.LEAD)
    seen(office, decisions, 6, "lea")
    assert decisions.next(lea).allowance.break_seconds > 0, "one of severity 6 weighs as much as four of 4"


def test_of_a_category_it_is_enough_for_a_day(office: Office) -> None:
    decisions, ada = limited(office, daily={"gore": 1}), office.moderator("ada")
    seen(office, decisions, 4)
    more, other = open_case(office.database, category="gore"), open_case(office.database, category="demeaning")
    given = decisions.next(ada)
    assert (given.case and given.case.id, given.allowance.without) == (other.id, ("gore",))
    decisions.give_back(office.cases.get(other.id), ada)
    with pytest.raises(NotAllowed, match="enough of gore for today"):
        decisions.take(more, ada)
    assert decisions.take(more, office.moderator("bea")).lease_by == "bea"


def test_what_is_escalated_goes_to_the_leads_and_what_is_skipped_to_others(office: Office) -> None:
    job, ada, bea = office.held_request(), office.moderator("ada"), office.moderator("bea")
    office.decisions.skip(office.given(ada), ada, "I know the person.")
    assert office.decisions.next(ada).case is None
    office.decisions.escalate(office.given(bea), bea, "It looks like a campaign.")
    assert office.decisions.next(office.moderator("cyd")).case is None
    case = office.given(office.moderator("lea", Role.LEAD))
    assert (case.job_id, case.queue, case.state) == (job.id, "restricted", CaseState.OPEN)
    said = [
        (r["record"]["action"], r["record"]["actor"], r["prompts"]["note"])
        for r in (record.content for record in AuditStore(office.database).of(job.id))
    ]
    assert said == [("skip", "ada", "I know the person."), ("escalate", "bea", "It looks like a campaign.")]
