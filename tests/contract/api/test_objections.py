"""What callers see of a person's decisions, and how they object."""

from __future__ import annotations

from producer.review import Reviewer, Word
from safety.reasons import Approval, Rejection
from storage.also import add_rows
from storage.case import Case, Choice, Ruling
from storage.case_store import CaseStore
from storage.measure_store import MeasureKind, MeasureStore, measure_row
from storage.review_store import ReviewStore, Settling
from tests.contract.api.serving import Stack, Tenant, finish, photo

HELD = {"prompt": "remove the watermark"}
NO = Word("ada", Rejection.NO_RIGHTS, "A note for the record.")


def reviewer(stack: Stack) -> Reviewer:
    return Reviewer(ReviewStore(stack.services.database), stack.services.submitter.policy)


def taken(stack: Stack, job_id: str, kind: str, name: str) -> Case:
    store = CaseStore(stack.services.database)
    case = next(case for case in store.of_job(job_id) if case.kind == kind)
    return store.take(case.id, name)


def refused(tenant: Tenant) -> str:
    job = tenant.accepted(**HELD)
    assert job["status"] == "held"
    case = taken(tenant.stack, job["id"], "held", "ada")
    reviewer(tenant.stack).reject(job["id"], NO, Settling(case, Ruling(Choice.REJECT, NO.reason)))
    return str(job["id"])


def test_a_refused_caller_is_told_why_appeals_once_and_is_heard(tenant: Tenant) -> None:
    job_id = refused(tenant)
    told = tenant.http.get(f"/v1/jobs/{job_id}").json()
    assert told["status"] == "blocked"
    statement = told["safety"]["statement"]
    assert (statement["decision"], statement["reason"], statement["automated"]) == ("refused", "no_rights", False)
    assert "A note for the record" not in str(told)
    answer = tenant.http.post(f"/v1/jobs/{job_id}/appeal", json={"text": "I painted it."})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["kind"], answer.json()["status"], answer.json()["job"]) == ("appeal", "open", job_id)
    again = tenant.http.post(f"/v1/jobs/{job_id}/appeal", json={"text": "I did!"})
    assert (again.status_code, again.json()["code"]) == (409, "not_appealable")
    case = taken(tenant.stack, job_id, "appeal", "bea")
    yes = Word("bea", Approval.RIGHTS_SHOWN)
    new = reviewer(tenant.stack).grant(job_id, yes, Settling(case, Ruling(Choice.APPROVE, yes.reason)))
    assert tenant.http.get(f"/v1/jobs/{job_id}").json()["replaced_by"] == new.id
    carried_on = tenant.http.get(f"/v1/jobs/{new.id}").json()
    assert (carried_on["status"], carried_on["replaces"], carried_on["params"]) == ("queued", job_id, told["params"])


def test_a_withdrawn_result_is_gone_and_says_why(tenant: Tenant) -> None:
    job = tenant.accepted()
    finish(tenant.stack.services, job["id"], photo())
    report = tenant.http.post("/v1/reports", json={"job": job["id"], "category": "gore", "text": "Take it down."})
    assert report.status_code == 201, report.text
    case = taken(tenant.stack, job["id"], "report", "ada")
    reviewer(tenant.stack).withdraw(job["id"], NO, Settling(case, Ruling(Choice.REJECT, NO.reason)))
    shown = tenant.http.get(f"/v1/jobs/{job['id']}").json()
    assert (shown["status"], shown["images"]) == ("succeeded", [])
    assert shown["withdrawn_at"] is not None
    assert shown["safety"]["statement"]["decision"] == "withdrawn"
    for query in ("", "?redirect=true"):
        image = tenant.http.get(f"/v1/jobs/{job['id']}/images/0{query}")
        assert (image.status_code, image.json()["code"]) == (410, "image_withdrawn")
    assert tenant.http.post(f"/v1/jobs/{job['id']}/appeal", json={"text": "It is mine."}).status_code == 201


def test_a_suspended_tenant_submits_nothing_and_still_reads_cancels_and_appeals(tenant: Tenant) -> None:
    job_id, waiting = refused(tenant), tenant.accepted()
    database = tenant.stack.services.database
    with database.transaction() as connection:
        add_rows(connection, [measure_row(tenant.id, MeasureKind.SUSPEND, text="You may submit none.", by="lea")])
    answer = tenant.submit()
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_suspended")
    assert answer.json()["detail"] == "You may submit none."
    assert tenant.http.get(f"/v1/jobs/{job_id}").status_code == 200
    assert tenant.http.post(f"/v1/jobs/{waiting['id']}/cancel").json()["status"] == "canceled"
    assert tenant.http.post(f"/v1/jobs/{job_id}/appeal", json={"text": "Why?"}).status_code == 201
    measures = MeasureStore(database)
    assert measures.end(measures.of(tenant.id)[0].id, "lea")
    assert tenant.submit().status_code == 202


def test_nobody_objects_to_what_is_not_theirs(stranger: Tenant, tenant: Tenant) -> None:
    job_id = refused(tenant)
    for path, body in ((f"/v1/jobs/{job_id}/appeal", {}), ("/v1/reports", {"job": job_id, "category": "gore"})):
        answer = stranger.http.post(path, json={**body, "text": "Let me."})
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_there_is_no_appeal_against_what_was_not_refused_nor_a_report_of_nothing(tenant: Tenant) -> None:
    job = tenant.accepted()
    appeal = tenant.http.post(f"/v1/jobs/{job['id']}/appeal", json={"text": "Faster!"})
    assert (appeal.status_code, appeal.json()["code"]) == (409, "not_appealable")
    report = tenant.http.post("/v1/reports", json={"job": job["id"], "category": "gore", "text": "Look."})
    assert (report.status_code, report.json()["code"]) == (409, "not_appealable")
    finish(tenant.stack.services, job["id"], photo())
    unknown = tenant.http.post("/v1/reports", json={"job": job["id"], "category": "ugliness", "text": "Look."})
    assert "choose one of" in unknown.json()["detail"]
    assert tenant.http.post(f"/v1/jobs/{job['id']}/appeal", json={"text": " "}).status_code == 422
