"""The answer to POST /v1/batches: lines come in and answers go out over the same connection, at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import structlog
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from producer.api.batch_body import Body, HungUp, RawLine
from producer.api.batch_lines import LineReader, answers
from producer.api.batch_views import BatchSummary, batch_view
from producer.api.faults import problem_of
from producer.api.outbox import Outbox
from producer.api.problems import Problem
from producer.bulk import Bulk, Drafts
from producer.order import Hook
from producer.places import Places
from producer.services import Services
from storage.batch import Batch
from storage.batch_intake import BatchIntake
from storage.job import Priority

log = structlog.get_logger(__name__)

CODE = "batches_full"
MEDIA_TYPE = "application/x-ndjson"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Sending:
    """What a request says about the whole batch: its idempotency key, whom to tell of its end, and the rest."""

    tenant_id: str
    key: str | None
    metadata: dict[str, Any]
    hook: Hook | None
    priority: Priority


class BatchStream(Response):
    """Takes in a body line by line while it answers.

    Many a client listens only once it has sent everything, so nothing here waits for an answer to be taken.
    """

    def __init__(self, services: Services, places: Places, sending: Sending) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers=HEADERS)
        del self.headers["content-length"]
        self._services = services
        self._places = places
        self._sending = sending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Ends with the body, or before it where nothing more can be taken. Raises LimitReached and ComeAgain."""
        with self._places.taken(self._sending.tenant_id):
            batch = await run_in_threadpool(self._open)
            self.headers["Location"] = f"/v1/batches/{batch.id}"
            body, outbox = Body(receive), Outbox(send)
            try:
                await self._converse(batch, body, outbox)
            finally:
                body.close()
                with anyio.CancelScope(shield=True):
                    await outbox.abort()

    def _open(self) -> Batch:
        sending, hook = self._sending, self._sending.hook
        webhooks = self._services.webhooks
        webhook_id = None if hook is None else webhooks.implicit(sending.tenant_id, hook.url, hook.events)
        batches = self._services.batches
        return batches.open(sending.tenant_id, key=sending.key, metadata=sending.metadata, webhook_id=webhook_id)

    async def _converse(self, batch: Batch, body: Body, outbox: Outbox) -> None:
        stopped: Exception | None = HungUp()
        try:
            await body.begin()
            await outbox.begin(self.status_code, self.raw_headers)
            reader = LineReader(batch.id, self._sending.priority, keys=self._sending.key is not None)
            bulk = Bulk(self._services.submitter, BatchIntake(self._services.database, batch), batch)
            stopped = await Feeding(bulk, reader, outbox).take_in(body)
        except HungUp:
            log.info("batch_hung_up", batch_id=batch.id)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._services.batches.close, batch, complete=stopped is None)
        if not isinstance(stopped, HungUp):
            outbox.put(await run_in_threadpool(self._summary, batch, stopped))
            await body.drain()
            await outbox.close()

    def _summary(self, batch: Batch, stopped: Exception | None) -> bytes:
        batches = self._services.batches
        as_it_is = batches.get(batch.id, batch.tenant_id)
        view = batch_view(as_it_is, batches.tally(batch.id, batch.tenant_id))
        error = None if stopped is None else Problem.model_validate_json(bytes(problem_of(stopped).body))
        return BatchSummary(batch=view, error=error).model_dump_json().encode() + b"\n"


class Feeding:
    """From the lines of a body to answers in an outbox: one chunk is looked at while the one before is stored."""

    def __init__(self, bulk: Bulk, reader: LineReader, outbox: Outbox) -> None:
        self._bulk = bulk
        self._reader = reader
        self._outbox = outbox
        self._storing: asyncio.Task[None] | None = None

    async def take_in(self, body: Body) -> Exception | None:
        """Takes everything in, and returns what stopped it early, if anything did."""
        try:
            async for lines in body.chunks():
                await self._next(await run_in_threadpool(self._draft, lines))
            await self._stored()
        except Exception as stopped:
            if not isinstance(stopped, HungUp):
                log.exception("batch_stopped")
            return stopped
        finally:
            with anyio.CancelScope(shield=True):
                # Whatever has been begun is stored to its end, and told if anybody listens.
                with contextlib.suppress(Exception):
                    await self._stored()
                self._bulk.close()
        return None

    async def _next(self, drafts: Drafts) -> None:
        try:
            await self._stored()
        except BaseException:
            await run_in_threadpool(self._bulk.abandon, drafts)
            raise
        self._storing = asyncio.create_task(self._store(drafts))

    async def _stored(self) -> None:
        """Waits for the chunk before; raises what it met."""
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing

    async def _store(self, drafts: Drafts) -> None:
        # Answered at once, for the sender may wait for it before it goes on.
        if not self._outbox.put(await run_in_threadpool(lambda: answers(self._bulk.store(drafts)))):
            raise HungUp

    def _draft(self, lines: Sequence[RawLine]) -> Drafts:
        return self._bulk.draft([self._reader.read(line) for line in lines])
