"""Known answers: mixed in among other cases, judged by each moderator once, and nothing is carried out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from producer.errors import NotAllowed
from producer.keeper.review_metrics import ReviewCollector
from producer.moderation.agreement import Agreement
from producer.moderation.decisions import Decisions
from producer.moderation.dossier import Archive
from storage.audit_store import AuditStore
from storage.case import Case, CaseState, Choice, Ruling
from storage.case_reader import CaseReader
from storage.job import JobState
from storage.known_store import KnownStore
from storage.moderator_store import Role
from storage.strike_store import StrikeStore
from storage.tenant_store import TenantStore
from tests.contract.moderation.office import Office

REJECT, APPROVE = Ruling(Choice.REJECT, "policy"), Ruling(Choice.APPROVE, "context")


@pytest.fixture
def decisions(office: Office) -> Decisions:
    """Decisions where every case that is given is a known one, as long as there is one."""
    return replace(office.decisions, agreement=Agreement(KnownStore(office.database), 1.0))


@pytest.fixture
def known(office: Office, decisions: Decisions) -> Case:
    """A case that lea rejected, and that measures the others from now on."""
    job = office.held_request()
    lea = office.moderator("lea")
    case = office.decisions.decide(office.given(lea), lea, REJECT)
    assert decisions.agreement is not None
    decisions.agreement.mark(case, office.jobs.get(job.id))
    return case


def given(decisions: Decisions, office: Office, name: str) -> Case:
    case = decisions.next(office.moderator(name)).case
    assert case is not None
    return case


def test_a_copy_is_given_once_to_each_and_never_to_who_decided(
    office: Office, decisions: Decisions, known: Case
) -> None:
    waiting = office.held_request()
    copy = given(decisions, office, "ada")
    assert (copy.copy_of, copy.job_id, copy.category) == (known.id, known.job_id, known.category)
    decisions.decide(copy, office.moderator("ada"), APPROVE)
    assert given(decisions, office, "ada").job_id == waiting.id, "one known case, one question"
    assert given(decisions, office, "bea").copy_of == known.id
    assert decisions.next(office.moderator("lea")).case is None, "ada has what waits, and lea knows the answer"


def test_a_judgement_changes_nothing_but_the_measure(office: Office, decisions: Decisions, known: Case) -> None:
    ada = office.moderator("ada")
    copy = given(decisions, office, "ada")
    judged = decisions.decide(copy, ada, APPROVE)
    assert (judged.state, office.jobs.get(known.job_id).state) == (CaseState.DECIDED, JobState.BLOCKED)
    assert not decisions.undoing.may(judged, ada)
    assert office.jobs.close_idle() == 0
    records = [r.content["record"] for r in AuditStore(office.database).of(known.job_id)]
    assert [(r["action"], r["actor"]) for r in records] == [("reject", "lea"), ("judge", "ada")]
    given(decisions, office, "bea")
    assert office.jobs.close_idle() == 0, "an open copy waits, though its job is held no longer"
    appeal = office.appeals.appeal(known.job_id, known.tenant_id, "Please look again.")
    assert appeal.first_by == "lea", "and not who was merely asked"


def test_the_page_of_a_copy_does_not_tell_the_answer(office: Office, decisions: Decisions, known: Case) -> None:
    audit, strikes = AuditStore(office.database), StrikeStore(office.database)
    reader = CaseReader(office.database)
    tenants = TenantStore(office.database)
    archive = Archive(office.jobs, office.cases, reader, strikes, office.measures, audit, tenants, office.policy)
    copy = given(decisions, office, "ada")
    seen = archive.dossier(copy)
    assert (seen.hides, seen.others, seen.records, seen.history.cases, seen.history.strikes) == (True, [], [], [], [])
    told = archive.dossier(decisions.decide(copy, office.moderator("ada"), REJECT))
    assert (told.hides, [case.id for case in told.others]) == (False, [known.id])


def test_only_what_can_be_judged_again_is_known(office: Office, decisions: Decisions) -> None:
    assert decisions.agreement is not None
    job = office.held_result()
    ada = office.moderator("ada")
    case = office.decisions.decide(office.given(ada), ada, REJECT)
    with pytest.raises(NotAllowed, match="pictures are gone"):
        decisions.agreement.mark(case, office.jobs.get(job.id))


@pytest.mark.parametrize("ruling", [REJECT, APPROVE])
def test_what_an_appeal_came_to_is_a_known_answer_by_itself(
    office: Office, decisions: Decisions, ruling: Ruling
) -> None:
    job = office.held_request()
    lea, bea, cyd = (office.moderator(name) for name in ("lea", "bea", "cyd"))
    first = office.decisions.decide(office.given(lea), lea, REJECT)
    office.appeals.appeal(job.id, job.tenant_id, "Please look again.")
    decisions.decide(office.given(bea), bea, ruling)
    assert office.cases.get(first.id).expected is None
    decisions.confirm(given(decisions, office, "cyd"), cyd)
    assert office.cases.get(first.id).expected == ruling.choice
    assert given(decisions, office, "eve").copy_of == first.id


def test_what_two_agreed_on_is_the_answer_to_that_case_alone(office: Office, decisions: Decisions) -> None:
    """A job may have been held before, at its request."""
    ada = office.moderator("ada")
    cases = []
    for ruling in (REJECT, APPROVE):
        job = office.held_request()
        cases.append(office.decisions.decide(office.given(ada), ada, ruling))
    assert decisions.agreement is not None
    decisions.agreement.learn(cases[1], cases, office.jobs.get(job.id))
    assert [office.cases.get(case.id).expected for case in cases] == [None, "approve"]


def test_the_gravest_cases_are_shown_to_nobody_to_measure_them(office: Office, decisions: Decisions) -> None:
    job = office.held_request(6)
    lea, max_ = office.moderator("lea", Role.LEAD), office.moderator("max", Role.LEAD)
    decisions.decide(office.given(lea), lea, REJECT)
    decisions.confirm(office.given(max_), max_)
    assert office.cases.of_job(job.id)[0].expected is None


def test_agreement_reaches_prometheus(office: Office, decisions: Decisions, known: Case) -> None:
    for name, ruling in (("ada", REJECT), ("bea", APPROVE)):
        decisions.decide(given(decisions, office, name), office.moderator(name), ruling)
    office.held_request()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in ReviewCollector.on(office.database, office.policy).collect()
        for sample in family.samples
    }
    assert found["inpaintd_review_agreement_ratio", "ada"] == 1.0
    assert found["inpaintd_review_agreement_ratio", "bea"] == 0.0
    assert found["inpaintd_review_agreement_kappa", "ada", "bea"] == 0.0
    assert found["inpaintd_review_waiting_cases", "general"] == 1.0
    assert found["inpaintd_review_waiting_cases", "restricted"] == 0.0
    assert found["inpaintd_review_decisions", "held", "reject"] == 1.0, "copies are no decisions"
    assert found["inpaintd_review_decision_seconds", "working", "0.95"] < 60.0
    assert found[("inpaintd_review_overturned_ratio",)] == 0.0


def test_what_did_not_stand_reaches_prometheus(office: Office) -> None:
    ada = office.moderator("ada")
    for _ in range(2):
        office.held_request()
        case = office.decisions.decide(office.given(ada), ada, REJECT)
    office.decisions.undo(case.id, ada, "A mistake.")
    families = {family.name: family for family in ReviewCollector.on(office.database, office.policy).collect()}
    (overturned,) = families["inpaintd_review_overturned_ratio"].samples
    assert overturned.value == 0.5
