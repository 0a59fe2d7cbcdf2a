"""A keeper killed between the receiver's answer and its own record."""

from __future__ import annotations

import signal

import sqlalchemy as sa

from storage.database import db_now
from storage.webhook import DEFAULT_EVENTS
from storage.webhook_store import WebhookStore
from storage.webhook_tables import webhook_deliveries
from tests.integration.faults.ward import Ward
from tests.integration.webhooks.receiver import receiving
from tests.jobs import result


def test_the_same_id_comes_again_after_a_keeper_died_before_it_recorded(ward: Ward) -> None:
    allowed = {"INPAINTD_ALLOWED_ADDRESSES": "127.0.0.0/8"}
    with receiving() as receiver:
        WebhookStore(ward.database).create(ward.desk.tenant_id, receiver.url(), DEFAULT_EVENTS)
        ward.submit()
        (job,) = ward.leases.claim("w", models=["default"])
        assert ward.desk.jobs.succeed(job, result(job))
        with ward.keeper(**allowed, INPAINTD_FAILPOINT="after_send:kill") as first:
            assert first.wait(60) == -signal.SIGKILL
        (sent,) = receiver.received
        with ward.database.transaction() as connection:  # as the minute of the dead keeper's lease would
            connection.execute(sa.update(webhook_deliveries).values(leased_until=db_now(-1)))
        with ward.keeper(**allowed):
            one, two = receiver.wait_for(2, 30)
    assert (one.id, one.body) == (two.id, two.body) == (sent.id, sent.body)
