"""How requests submit: orders by reference are judged by few threads and stored together, the others each by itself.

A process runs one line of Python at a time. Threads beyond those that have something to wait for only take it from
each other, and from the one that commits for all.
"""

from __future__ import annotations

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread

from producer.order import FileRef, Order
from producer.submit import Submitter
from producer.together import Together
from storage.intake import Answer, Submitted
from storage.job import NewJob
from storage.outlook import Expectation, Outlook
from storage.submissions import Submissions

JUDGES = 2
# They may wait for slow hosts and for room for large pictures; other requests need threads as well.
OTHERS = 24


class Submitting:
    """Made before the event loop runs; used on it."""

    def __init__(self, submitter: Submitter, submissions: Submissions, outlook: Outlook) -> None:
        self._submitter = submitter
        self._submissions = submissions
        self._outlook = outlook
        self._news: dict[str, NewJob] = {}
        # One transaction at a time, so that the next one is large: submits of a tenant take turns anyway.
        self._stored: Together[str, tuple[Answer, Expectation | None]] = Together(self._store, at_once=1)
        self._judges: CapacityLimiter | None = None
        self._others: CapacityLimiter | None = None

    async def submit(
        self, tenant_id: str, order_of: Callable[[], Order], *, small: bool
    ) -> tuple[Submitted, Expectation | None]:
        """As Submitter.submit, with what awaits the job, and raises the same. `order_of` reads the order; `small`:
        in no time.
        """
        self._judges = self._judges or CapacityLimiter(JUDGES)
        self._others = self._others or CapacityLimiter(OTHERS)
        if not small:
            return await to_thread.run_sync(lambda: self._alone(tenant_id, order_of()), limiter=self._others)
        found = await to_thread.run_sync(self._prepared, tenant_id, order_of, limiter=self._judges)
        if isinstance(found, Order):
            return await to_thread.run_sync(self._alone, tenant_id, found, limiter=self._others)
        self._news[found.id] = found
        answer, ahead = await self._stored(found.id) or (LookupError(found.id), None)
        if isinstance(answer, Exception):
            raise answer
        self._submitter.announce(answer)
        return answer, ahead

    def _prepared(self, tenant_id: str, order_of: Callable[[], Order]) -> NewJob | Order:
        """The job of an order by reference; any other order is left for a thread that may take its time."""
        order = order_of()
        if not isinstance(order.image, FileRef) or not isinstance(order.mask, FileRef | None):
            return order
        return self._submitter.prepare(tenant_id, order)

    def _alone(self, tenant_id: str, order: Order) -> tuple[Submitted, Expectation | None]:
        submitted = self._submitter.submit(tenant_id, order)
        return submitted, self._outlook.of([submitted.job]).get(submitted.job.id)

    def _store(self, ids: list[str]) -> dict[str, tuple[Answer, Expectation | None]]:
        answers = self._submissions.submit_many([self._news.pop(job_id) for job_id in ids])
        ahead = self._outlook.of([answer.job for answer in answers if isinstance(answer, Submitted)])
        return {
            job_id: (answer, ahead.get(answer.job.id) if isinstance(answer, Submitted) else None)
            for job_id, answer in zip(ids, answers, strict=True)
        }
