"""Every decision can be taken back, by whom it has to be, with whatever went with it."""

from __future__ import annotations

import pytest

from producer.errors import NotAllowed, NotHeld
from storage.audit_store import AuditStore
from storage.case import Case, CaseKind, CaseState, Choice, Ruling
from storage.job import Job, JobState
from storage.moderator_store import Role
from storage.strike_store import StrikeStore
from tests.contract.moderation.office import Office

APPROVE, REJECT = Ruling(Choice.APPROVE, "context"), Ruling(Choice.REJECT, "policy")


def decided(office: Office, name: str, ruling: Ruling) -> Case:
    """What is decided by this moderator on the case that is theirs next, and confirmed by cyd where it has to be."""
    moderator, second = office.moderator(name), office.moderator("cyd")
    case = office.decisions.decide(office.given(moderator), moderator, ruling)
    return office.decisions.confirm(office.given(second), second) if case.state is CaseState.PROPOSED else case


def undone(office: Office, case: Case, *names: str) -> Case:
    for name in names:
        case = office.decisions.undo(case.id, office.moderator(name, Role.LEAD), "It was wrong.")
    assert case.undone_by == names[-1]
    return case


def released(office: Office) -> Job:
    job = office.held_result()
    decided(office, "ada", APPROVE)
    return office.jobs.get(job.id)


def reported(office: Office, ruling: Ruling) -> tuple[Job, Case]:
    """A released result, and the decision on a complaint about it."""
    job = released(office)
    office.appeals.report(job, "gore", "My child saw this.")
    return job, decided(office, "bea", ruling)


def test_a_complaint_that_was_turned_down_waits_again(office: Office) -> None:
    job, kept = reported(office, APPROVE)
    undone(office, kept, "bea")
    again = office.given(office.moderator("ada"))
    assert (again.kind, again.words, again.job_id) == (CaseKind.REPORT, "My child saw this.", job.id)
    assert office.jobs.get(job.id).is_released


def test_a_withdrawn_result_comes_back(office: Office) -> None:
    job, gone = reported(office, REJECT)
    assert not office.jobs.get(job.id).is_released
    undone(office, gone, "bea")
    assert office.jobs.get(job.id).is_released


def test_an_appeal_that_brought_a_result_back_is_undone_by_withdrawing_it(office: Office) -> None:
    job, _ = reported(office, REJECT)
    office.appeals.appeal(job.id, office.desk.tenant_id, "It is a film poster.")
    granted = decided(office, "ada", APPROVE)
    assert office.jobs.get(job.id).is_released
    undone(office, granted, "cyd")
    assert not office.jobs.get(job.id).is_released


def refused(office: Office, severity: int = 4) -> Job:
    job = office.held_request(severity)
    lea = office.moderator("lea", Role.LEAD)
    case = office.decisions.decide(office.given(lea), lea, REJECT)
    if case.state is CaseState.PROPOSED:
        max_ = office.moderator("max", Role.LEAD)
        office.decisions.confirm(office.given(max_), max_)
    return office.jobs.get(job.id)


def test_a_granted_appeal_is_undone_by_stopping_what_it_made(office: Office) -> None:
    job = refused(office)
    office.appeals.appeal(job.id, office.desk.tenant_id, "It is my own face.")
    granted = decided(office, "bea", APPROVE)
    undone(office, granted, "cyd")
    assert office.jobs.get(granted.replacement or "").state is JobState.CANCELED


def test_what_two_kept_back_takes_two_to_let_out(office: Office) -> None:
    job = refused(office)
    office.appeals.appeal(job.id, office.desk.tenant_id, "It is my own face.")
    upheld = decided(office, "bea", REJECT)
    asked = office.decisions.undo(upheld.id, office.moderator("cyd"), "I was too quick.")
    assert (asked.undo_by, asked.undo_note, asked.undone_at) == ("cyd", "I was too quick.", None)
    assert "replaced_by" not in office.jobs.get(job.id).safety
    with pytest.raises(NotAllowed):
        office.decisions.undo(upheld.id, office.moderator("cyd"), "Really.")
    with pytest.raises(NotAllowed):
        office.decisions.undo(upheld.id, office.moderator("ada"), "Me too.")
    undone(office, upheld, "lea")
    assert office.jobs.get(office.jobs.get(job.id).safety["replaced_by"]).state is JobState.QUEUED
    (record,) = [
        r.content for r in AuditStore(office.database).of(job.id) if r.content["record"]["action"] == "propose_undo"
    ]
    assert (record["record"]["actor"], record["prompts"]["note"]) == ("cyd", "I was too quick.")


def test_the_gravest_refusals_take_two_and_the_gravest_approvals_one(office: Office) -> None:
    job = refused(office, 6)
    (case,) = office.cases.of_job(job.id)
    office.decisions.undo(case.id, office.moderator("lea"), "Look again.")
    assert "replaced_by" not in office.jobs.get(job.id).safety
    undone(office, case, "max")
    other = office.held_request(6)
    lea, max_ = office.moderator("lea"), office.moderator("max")
    office.decisions.decide(office.given(lea), lea, APPROVE)
    approved = office.decisions.confirm(office.given(max_), max_)
    undone(office, approved, "lea")
    assert office.jobs.get(other.id).state is JobState.CANCELED


def test_the_strike_of_a_refusal_goes_with_it(office: Office) -> None:
    job = refused(office)
    (case,) = office.cases.of_job(job.id)
    strikes = StrikeStore(office.database)
    assert [one.lifted_at for one in strikes.page(office.desk.tenant_id, None, 5)] == [None]
    undone(office, case, "lea")
    assert all(one.lifted_at is not None for one in strikes.page(office.desk.tenant_id, None, 5))


def test_a_decision_that_came_to_nothing_blocks_no_copies(office: Office) -> None:
    job, ada = office.held_request(), office.moderator("ada")
    case = office.given(ada)
    office.desk.jobs.cancel(job.id, office.desk.tenant_id)
    with pytest.raises(NotHeld):
        office.decisions.decide(case, ada, Ruling(Choice.REJECT, "policy", then=("block_copies",)))
    assert office.banks.all() == []


def test_a_lead_ends_a_suspension_and_leaves_the_decision(office: Office) -> None:
    job = office.held_request()
    lea, ada = office.moderator("lea", Role.LEAD), office.moderator("ada")
    office.decisions.decide(office.given(lea), lea, Ruling(Choice.REJECT, "policy", then=("suspend",)))
    (measure,) = office.measures.standing()
    with pytest.raises(NotAllowed, match="leads"):
        office.decisions.measures.end(measure.id, ada, "They promised.")
    office.decisions.measures.end(measure.id, lea, "They promised.")
    assert office.measures.standing() == []
    assert office.jobs.get(job.id).state is JobState.BLOCKED
    (record,) = [r.content for r in AuditStore(office.database).of(office.desk.tenant_id)]
    assert (record["record"]["action"], record["prompts"]["note"]) == ("end_suspend", "They promised.")
    with pytest.raises(NotAllowed, match="ended already"):
        office.decisions.measures.end(measure.id, lea, "Twice.")
