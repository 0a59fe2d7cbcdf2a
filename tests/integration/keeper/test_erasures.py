"""The right to erasure: what stands nowhere any more, on both databases and in a bucket, and the receipt for it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from producer.erasures import Asked, Erasures
from producer.errors import ErasureUnfinished
from storage.audit import Decision, Pictures, PolicyId, Print, Prompts, Stage, Wording
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.database import Database, db_now
from storage.erasure_store import Scope
from storage.ids import new_id
from storage.job import Job
from storage.job_reader import JobReader
from storage.mark import MarkRecord
from storage.mark_tables import marks
from storage.object_store import ObjectStore
from storage.params import InpaintParams
from storage.strike_tables import strikes
from storage.tables import metadata
from storage.webhook_tables import webhook_attempts, webhook_deliveries
from tests.cases import open_case
from tests.integration.keeper.test_erase import Shop
from tests.jobs import Desk, change
from tests.objects import keys

pytestmark = pytest.mark.parametrize("objects", ["s3"], indirect=True)

WORDS, ANN = "a zebra made of marzipan", "usr_of_ann_the_zebra"
POLICY = PolicyId("p", "1", "0" * 64)
ASKED = Asked("eve", "request 17")


@pytest.fixture
def shop(database: Database, objects: ObjectStore, desk: Desk) -> Shop:
    """A tenant with a bucket."""
    return Shop(database, objects, desk)


@pytest.fixture
def erasures(shop: Shop) -> Erasures:
    """What erases in it."""
    return Erasures(shop.database, shop.objects, POLICY)


def told(database: Database) -> list[str]:
    """Every `table.column` of the database in which the words stand, or any part of them that is not said elsewhere."""
    with database.reading() as connection:
        columns = [column for table in metadata.sorted_tables for column in table.columns]
        looks = {
            f"{column.table.name}.{column.name}": sa.select(sa.func.count()).where(
                sa.func.lower(sa.cast(column, sa.Text)).like("%zebra%")
            )
            for column in columns
        }
        return [name for name, look in looks.items() if connection.scalar(look)]


def in_the_bucket(objects: ObjectStore) -> list[str]:
    """Every object in which the words stand."""
    return [key for key in keys(objects) if b"zebra" in objects.get(key)]


def asked_for(shop: Shop, **changes: Any) -> Job:
    """A job of Ann's that has left its words wherever a job can, and has succeeded."""
    params = InpaintParams(prompt=WORDS, negative_prompt=WORDS).resolved(native_size=128, seed=7)
    personal = {"user": ANN, "metadata": {"about": WORDS}, "custom_id": "zebra-1", "batch": "zebras"}
    again = {"idempotency_key": new_id("zebra"), "fingerprint": "0" * 64}
    job = shop.finished(1, params=params, **{**again, **personal, **changes})
    job = JobReader(shop.database).get(job.id, job.tenant_id)
    for key in [job.image_key, *(image.key for image in job.images), f"quarantine/{job.id}/1-0-x"]:
        shop.objects.put(key, b"a picture of a zebra", "image/png")
    manifest = f"manifests/{job.id}/1-0-x"
    shop.objects.put(manifest, b"credentials of a zebra", "application/c2pa")
    change(shop.database, job.id, receipt={"dropped_text": {"prompt": WORDS, "negative_prompt": ""}})
    open_case(shop.database, about=job, words=WORDS)
    prompts, seen = Prompts(*[Wording(WORDS)] * 3), Pictures(Print("0" * 64))
    with shop.database.transaction() as connection:
        for table, row in _rows(job, manifest, Decision(Stage.PROMPT, "allow", POLICY, (), (), (), prompts, seen, ANN)):
            connection.execute(sa.insert(table).values(**row))
    return job


def _rows(job: Job, manifest: str, decision: Decision) -> list[tuple[sa.Table, dict[str, Any]]]:
    record = audit_row(job.id, decision)
    mark = MarkRecord("000000001", "k1", 0, 8, 8, (0, 0, 8, 8), {"zebra": 1}, manifest, "0" * 64)
    its = {"id": new_id("mrk"), "tenant_id": job.tenant_id, "job_id": job.id, "model": {}, **mark.values()}
    strike = {"job_id": job.id, "tenant_id": job.tenant_id, "user": ANN, "weight": 1.0, "cause": "policy", "rule": "r"}
    sent = {"id": f"dlv_{job.id}", "tenant_id": job.tenant_id, "endpoint_id": "whk_1", "event_id": "evt_1"}
    sent |= {"job_id": job.id, "type": "job.succeeded", "payload": WORDS, "state": "delivered"}
    tried = {"id": new_id("att"), "delivery_id": sent["id"], "at": db_now(), "milliseconds": 1, "answer": "zebra!"}
    return [
        (record.table, {**record.values, "at": db_now()}),
        (marks, {**its, "created_at": db_now()}),
        (strikes, {**strike, "severity": 2, "words": "zebra", "picture": "0" * 64, "at": db_now()}),
        (webhook_deliveries, {**sent, "next_at": db_now(), "created_at": db_now()}),
        (webhook_attempts, tried),
    ]


def test_everything_of_an_end_user_goes_from_every_column_and_every_object(shop: Shop, erasures: Erasures) -> None:
    own, shared = shop.upload(1), shop.upload(1)
    for file in (own, shared):
        shop.objects.put(file.key, b"a picture of a zebra", "image/png")
    asked_for(shop, image_key=own.key)
    job = asked_for(shop, mask_key=shared.key)
    nobodys = shop.finished(1, mask_key=shared.key)
    shop.objects.put(shared.key, b"a picture of nobody", "image/png")
    assert len(told(shop.database)) >= 15
    assert len(in_the_bucket(shop.objects)) == 8

    receipt = erasures.run(Scope(job.tenant_id, user=ANN), ASKED)
    assert told(shop.database) == []
    assert in_the_bucket(shop.objects) == []
    assert receipt.files == [own.id]
    assert shared.key in keys(shop.objects), "a job of somebody else needs it"
    assert JobReader(shop.database).get(nobodys.id, job.tenant_id).params.prompt == "a red circle"
    assert erasures.problems(receipt.id, receipt.as_dict()) == []
    assert [record.content["record"]["action"] for record in AuditStore(shop.database).of(job.id)] == ["allow"]


def test_a_tenant_loses_what_it_has_and_others_nothing(shop: Shop, erasures: Erasures) -> None:
    other = Shop(shop.database, shop.objects, Desk(shop.database, "other"))
    kept, file = other.finished(1), other.upload(1)
    jobs = [asked_for(shop), shop.submit()]
    uploaded = shop.upload(1)
    receipt = erasures.run(Scope(jobs[0].tenant_id), ASKED)
    assert sorted(receipt.jobs) == sorted(job.id for job in jobs), "what waited was canceled first"
    assert receipt.files == [uploaded.id]
    assert (told(shop.database), in_the_bucket(shop.objects)) == ([], [])
    assert {key for key in keys(shop.objects) if kept.id in key or key == file.key} == set(keys(shop.objects))
    assert len(keys(shop.objects)) == 4


def test_a_receipt_is_refuted_by_what_is_left_or_was_changed(shop: Shop, erasures: Erasures) -> None:
    job = asked_for(shop)
    receipt = erasures.run(Scope(job.tenant_id, job_id=job.id), ASKED)
    forged = {**receipt.as_dict(), "jobs": []}
    assert erasures.problems(receipt.id, forged) == ["The receipt that was shown is not the one on record."]
    change(shop.database, job.id, user=ANN)
    shop.objects.put(f"results/{job.id}/1-0-x", b"pixels", "image/png")
    found = erasures.problems(receipt.id)
    assert found == [f"{job.id}: its end-user or name", f"results/{job.id}/1-0-x is in the object store"]


def test_there_is_no_receipt_while_a_job_runs(shop: Shop, erasures: Erasures) -> None:
    job = shop.submit(user=ANN)
    running = shop.desk.claim_one()
    with pytest.raises(ErasureUnfinished, match="1 jobs have not stopped"):
        erasures.run(Scope(job.tenant_id, user=ANN), ASKED, wait_seconds=0)
    assert shop.desk.jobs.finish_cancel(running, receipt={})
    assert erasures.run(Scope(job.tenant_id, user=ANN), ASKED, wait_seconds=0).jobs == [job.id]
    with pytest.raises(ErasureUnfinished, match="no erasure"):
        erasures.receipt("era_none")
