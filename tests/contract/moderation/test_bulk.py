"""Many cases at once: what is tried dry happens after a second person's word, and to each case by itself."""

from __future__ import annotations

import pytest

from producer.errors import NotAllowed
from producer.moderation.bulk import MOST, BulkWork
from storage.audit_store import AuditStore
from storage.bulk_store import BulkState, BulkStore
from storage.case import CaseState, Choice, Ruling
from storage.case_store import CaseFilter
from storage.job import JobState
from storage.moderator_store import Role
from tests.contract.moderation.office import Office

REJECT = Ruling(Choice.REJECT, "policy", note="One and the same campaign.")


@pytest.fixture
def work(office: Office) -> BulkWork:
    return BulkWork(BulkStore(office.database), office.cases, office.decisions)


def test_a_dry_run_tells_and_changes_nothing(office: Office, work: BulkWork) -> None:
    request, result = office.held_request(), office.held_result()
    held = office.given(office.moderator("ada"))
    lea = office.moderator("lea", Role.LEAD)
    told = {one.case.job_id: (one.does, one.why_not) for one in work.preview(lea, CaseFilter(), REJECT)}
    assert told == {
        request.id: ("the job is blocked", "ada holds it"),
        result.id: ("the job is blocked and its result deleted", None),
    }
    assert held.job_id == request.id
    assert {office.jobs.get(job.id).state for job in (request, result)} == {JobState.HELD}


def test_a_second_lead_carries_it_out_case_by_case(office: Office, work: BulkWork) -> None:
    lea, max_ = office.moderator("lea", Role.LEAD), office.moderator("max", Role.LEAD)
    jobs = [office.held_request() for _ in range(3)]
    cases = [office.cases.of_job(job.id)[0] for job in jobs]
    bulk = work.propose(lea, [case.id for case in cases], REJECT)
    gone = office.decisions.take(cases[1], office.moderator("ada"))
    with pytest.raises(NotAllowed, match="another person"):
        work.confirm(bulk.id, lea)
    done = work.confirm(bulk.id, max_)
    assert (done.state, done.second_by) == (BulkState.DONE, "max")
    assert [one.why_not for one in done.results] == [None, "ada holds it", None]
    assert [office.jobs.get(job.id).state for job in jobs] == [JobState.BLOCKED, JobState.HELD, JobState.BLOCKED]
    assert office.cases.get(gone.id).state is CaseState.OPEN
    (record,) = [r.content for r in AuditStore(office.database).of(jobs[0].id) if r.content["record"]["actor"] == "max"]
    assert record["prompts"]["note"] == f"One and the same campaign. (In bulk, {bulk.id}, proposed by lea.)"
    with pytest.raises(NotAllowed, match="has ended"):
        work.confirm(bulk.id, max_)


def test_what_was_cut_off_goes_on_where_it_stopped(office: Office, work: BulkWork) -> None:
    lea, max_ = office.moderator("lea", Role.LEAD), office.moderator("max", Role.LEAD)
    jobs = [office.held_request() for _ in range(2)]
    bulk = work.propose(lea, [office.cases.of_job(job.id)[0].id for job in jobs], REJECT)
    assert work.store.start(bulk, "max"), "and then the process was ended"
    with pytest.raises(NotAllowed):
        work.confirm(bulk.id, office.moderator("eve", Role.LEAD))
    assert [one.why_not for one in work.confirm(bulk.id, max_).results] == [None, None]


def test_who_may_and_what(office: Office, work: BulkWork) -> None:
    ada, lea = office.moderator("ada"), office.moderator("lea", Role.LEAD)
    with pytest.raises(NotAllowed, match="leads"):
        work.preview(ada, CaseFilter(), REJECT)
    with pytest.raises(NotAllowed, match="is no reason"):
        work.propose(lea, ["case_x"], Ruling(Choice.APPROVE, "policy"))
    with pytest.raises(NotAllowed, match="Choose 1 to"):
        work.propose(lea, [f"case_{n}" for n in range(MOST + 1)], REJECT)


def test_a_refused_one_is_never_carried_out(office: Office, work: BulkWork) -> None:
    lea = office.moderator("lea", Role.LEAD)
    job = office.held_request()
    bulk = work.propose(lea, [office.cases.of_job(job.id)[0].id], REJECT)
    assert work.refuse(bulk.id, lea).state is BulkState.REFUSED
    with pytest.raises(NotAllowed):
        work.confirm(bulk.id, office.moderator("max", Role.LEAD))
    assert office.jobs.get(job.id).state is JobState.HELD
