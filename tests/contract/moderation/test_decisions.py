"""What a decision on a case carries out, and what undoes it, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import pytest

from producer.errors import NotAllowed, NotAppealable
from storage.audit_store import AuditStore
from storage.case import CaseKind, CaseState, Choice, Ruling
from storage.errors import CaseLost, JobNotFound
from storage.job import JobState
from storage.measure_store import MeasureKind
from storage.moderator_store import Role
from tests.cases import end_lease
from tests.contract.moderation.office import Office

APPROVE = Ruling(Choice.APPROVE, "context", note="News.")
REJECT = Ruling(Choice.REJECT, "no_consent", "prompt.some_rule", "She did not agree.")


def test_an_approved_request_is_queued_and_its_case_decided(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    case = office.decisions.decide(office.given(ada), ada, APPROVE)
    assert (case.state, case.ruling, case.decided_by) == (CaseState.DECIDED, APPROVE, "ada")
    assert office.jobs.get(job.id).state is JobState.QUEUED
    record = AuditStore(office.database).of(job.id)[-1].content["record"]
    assert (record["actor"], record["action"], record["reason"]) == ("ada", "approve", "context")


def test_an_approved_result_is_released_without_another_render(office: Office) -> None:
    job, ada = office.held_result(), office.moderator("ada")
    office.decisions.decide(office.given(ada), ada, APPROVE)
    released = office.jobs.get(job.id)
    assert (released.state, released.images) == (JobState.SUCCEEDED, job.images)
    assert office.desk.claim() == []


def test_a_refusal_tells_the_caller_why_and_how_to_appeal(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    office.decisions.decide(office.given(ada), ada, REJECT)
    refused = office.jobs.get(job.id)
    told = refused.safety["statement"]
    assert refused.state is JobState.BLOCKED
    assert (told["decision"], told["rule"], told["reason"], told["automated"]) == (
        "refused",
        "prompt.some_rule",
        "no_consent",
        False,
    )
    assert "You may appeal until" in told["text"]
    assert "She did not agree" not in str(told), "a moderator's own words are for the record"


def test_a_decision_after_the_lease_ran_out_changes_nothing(office: Office) -> None:
    job, ada, bea = office.held_request(), office.moderator("ada"), office.moderator("bea")
    mine = office.given(ada)
    end_lease(office.database, mine)
    theirs = office.given(bea)
    with pytest.raises(CaseLost):
        office.decisions.decide(mine, ada, REJECT)
    assert office.jobs.get(job.id).state is JobState.HELD
    office.decisions.decide(theirs, bea, APPROVE)
    assert office.jobs.get(job.id).state is JobState.QUEUED


def test_nobody_decides_anothers_case_and_an_auditor_none(office: Office) -> None:
    office.held_request()
    ada, bea, cyd = office.moderator("ada"), office.moderator("bea"), office.moderator("cyd", Role.AUDITOR)
    case = office.given(ada)
    with pytest.raises(CaseLost):
        office.decisions.decide(case, bea, APPROVE)
    with pytest.raises(NotAllowed):
        office.decisions.next(cyd)


def test_the_gravest_cases_go_to_leads_and_need_four_eyes(office: Office) -> None:
    job = office.held_request(severity=6)
    ada, bea, cyd = office.moderator("ada"), office.moderator("bea", Role.LEAD), office.moderator("cyd", Role.LEAD)
    assert office.decisions.next(ada).case is None
    proposed = office.decisions.decide(office.given(bea), bea, REJECT)
    assert (proposed.state, office.jobs.get(job.id).state) == (CaseState.PROPOSED, JobState.HELD)
    assert office.decisions.next(bea).case is None
    decided = office.decisions.confirm(office.given(cyd), cyd)
    assert (decided.proposed_by, decided.decided_by) == ("bea", "cyd")
    assert office.jobs.get(job.id).state is JobState.BLOCKED


def test_a_second_person_may_disagree(office: Office) -> None:
    job = office.held_request(severity=6)
    bea, cyd = office.moderator("bea", Role.LEAD), office.moderator("cyd", Role.LEAD)
    office.decisions.decide(office.given(bea), bea, REJECT)
    case = office.decisions.disagree(office.given(cyd), cyd, "It is a painting.")
    assert (case.state, case.proposal) == (CaseState.OPEN, None)
    assert office.jobs.get(job.id).state is JobState.HELD


def test_an_appeal_goes_to_another_person_and_a_granted_one_runs_again(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    bea, cyd = office.moderator("bea"), office.moderator("cyd")
    office.decisions.decide(office.given(ada), ada, REJECT)
    office.appeals.appeal(job.id, office.desk.tenant_id, "It is my own face.")
    assert office.decisions.next(ada).case is None
    case = office.given(bea)
    assert (case.kind, case.first_by, case.words) == (CaseKind.APPEAL, "ada", "It is my own face.")
    office.decisions.decide(case, bea, APPROVE)
    assert office.decisions.next(ada).case is None, "who refused does not confirm either"
    decided = office.decisions.confirm(office.given(cyd), cyd)
    again = office.jobs.get(decided.replacement or "")
    assert (again.state, again.replaces, again.params) == (JobState.QUEUED, job.id, job.params)
    old = office.jobs.get(job.id)
    assert (old.state, old.safety["replaced_by"]) == (JobState.BLOCKED, again.id)
    assert again.safety["action"] == "allow"


def test_an_appeal_that_is_refused_says_so_and_is_the_last(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    office.decisions.decide(office.given(ada), ada, REJECT)
    office.appeals.appeal(job.id, office.desk.tenant_id, "Please.")
    with pytest.raises(NotAppealable, match="one is all"):
        office.appeals.appeal(job.id, office.desk.tenant_id, "Please!")
    bea, cyd = office.moderator("bea"), office.moderator("cyd")
    office.decisions.decide(office.given(bea), bea, REJECT)
    office.decisions.confirm(office.given(cyd), cyd)
    told = office.jobs.get(job.id).safety["statement"]
    assert (told["decision"], told["appeal_until"]) == ("appeal_refused", None)


def test_only_what_was_refused_can_be_appealed_against_and_only_by_its_tenant(office: Office) -> None:
    queued = office.desk.submit()
    with pytest.raises(NotAppealable):
        office.appeals.appeal(queued.id, office.desk.tenant_id, "Why?")
    with pytest.raises(JobNotFound):
        office.appeals.appeal(queued.id, "tnt_other", "Why?")


def test_an_approval_is_undone_by_withdrawing_what_was_released(office: Office) -> None:
    job, ada = office.held_result(), office.moderator("ada")
    case = office.decisions.decide(office.given(ada), ada, APPROVE)
    undone = office.decisions.undo(case.id, ada, "I looked at the wrong one.")
    assert undone.undone_by == "ada"
    withdrawn = office.jobs.get(job.id)
    assert (withdrawn.state, withdrawn.withdrawn_at is not None) == (JobState.SUCCEEDED, True)
    assert withdrawn.safety["statement"]["decision"] == "withdrawn"
    with pytest.raises(NotAllowed, match="stands"):
        office.decisions.undo(case.id, ada, "Again.")


def test_an_approved_request_is_stopped_when_the_approval_is_undone(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    case = office.decisions.decide(office.given(ada), ada, APPROVE)
    office.decisions.undo(case.id, ada, "Too fast.")
    assert office.jobs.get(job.id).state is JobState.CANCELED


def test_a_refusal_is_undone_by_a_job_in_its_place_once(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    case = office.decisions.decide(office.given(ada), ada, REJECT)
    office.decisions.undo(case.id, ada, "A mistake.")
    again = office.jobs.get(office.jobs.get(job.id).safety["replaced_by"])
    assert (again.state, again.replaces) == (JobState.QUEUED, job.id)
    assert [one.id for one in office.desk.claim(limit=5)] == [again.id]


def test_only_who_decided_or_a_lead_undoes(office: Office) -> None:
    office.held_request()
    ada, bea, lea = office.moderator("ada"), office.moderator("bea"), office.moderator("lea", Role.LEAD)
    case = office.decisions.decide(office.given(ada), ada, APPROVE)
    with pytest.raises(NotAllowed):
        office.decisions.undo(case.id, bea, "I would not.")
    assert office.decisions.undo(case.id, lea, "Neither would I.").undone_by == "lea"


def test_a_report_that_holds_withdraws_the_result_and_an_appeal_brings_it_back(office: Office) -> None:
    job, ada = office.held_result(), office.moderator("ada")
    office.decisions.decide(office.given(ada), ada, APPROVE)
    first = office.appeals.report(office.jobs.get(job.id), "gore", "My child saw this.")
    assert office.appeals.report(office.jobs.get(job.id), "gore", "Mine too.").id == first.id
    office.decisions.decide(office.given(ada), ada, REJECT)
    assert office.jobs.get(job.id).withdrawn_at is not None
    office.appeals.appeal(job.id, office.desk.tenant_id, "It is a film poster.")
    bea, cyd = office.moderator("bea"), office.moderator("cyd")
    office.decisions.decide(office.given(bea), bea, APPROVE)
    office.decisions.confirm(office.given(cyd), cyd)
    assert office.jobs.get(job.id).withdrawn_at is None


def test_measures_go_with_the_decision_and_leave_with_it(office: Office) -> None:
    office.held_result()
    lea = office.moderator("lea", Role.LEAD)
    ruling = Ruling(Choice.REJECT, "policy", "prompt.some_rule", None, ("block_copies", "warn", "suspend"))
    case = office.decisions.decide(office.given(lea), lea, ruling)
    assert {one.bank for one in office.banks.all()} == {"reported"}
    assert len(office.banks.all()) == 2, "the input and the result"
    standing = office.measures.of(office.desk.tenant_id)
    assert {one.kind for one in standing} == {MeasureKind.WARN, MeasureKind.SUSPEND}
    office.decisions.undo(case.id, lea, "The wrong tenant.")
    assert office.banks.all() == []
    assert all(one.ended_by == "lea" for one in office.measures.of(office.desk.tenant_id))


def test_a_reviewer_suspends_nobody(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    with pytest.raises(NotAllowed, match="lead"):
        office.decisions.decide(office.given(ada), ada, Ruling(Choice.REJECT, "policy", then=("suspend",)))
    assert office.jobs.get(job.id).state is JobState.HELD


@pytest.mark.parametrize("reason", ["context", "because"])
def test_a_reason_of_the_other_kind_is_none(office: Office, reason: str) -> None:
    office.held_request()
    ada = office.moderator("ada")
    with pytest.raises(NotAllowed, match="reason"):
        office.decisions.decide(office.given(ada), ada, Ruling(Choice.REJECT, reason))


def test_a_case_about_a_canceled_job_closes(office: Office) -> None:
    job = office.held_request()
    office.desk.jobs.cancel(job.id, office.desk.tenant_id)
    assert office.jobs.close_idle() == 1
    assert [case.state for case in office.cases.of_job(job.id)] == [CaseState.CLOSED]
