"""The Desk of one batch: what its lines have in common is found out once."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, TypeVar

from producer.desk import PlainDesk
from producer.inputs import Input, Inputs
from producer.order import Hook, Order, Source
from producer.picture_memory import PictureMemory
from safety.behavior import Imprint
from safety.verdict import Verdict
from storage.job import NewJob
from storage.params import InpaintParams
from storage.strike import Strike
from storage.strike_store import Past, earned
from storage.webhook_store import WebhookStore

T = TypeVar("T")
MOST_REMEMBERED = 512
AHEAD = 8


class BatchDesk:
    """A Desk with a memory. For one thread; `executor` fetches and decodes ahead of it."""

    def __init__(self, plain: PlainDesk, webhooks: WebhookStore, tenant_id: str, executor: Executor) -> None:
        self._plain = plain
        self._webhooks = webhooks
        self._tenant_id = tenant_id
        self._executor = executor
        self._pictures = PictureMemory(plain.shelf, tenant_id)
        self._verdicts, self._words, self._prints, self._hooks = (_Memory[Any]() for _ in range(4))
        self._pasts: dict[str | None, Past] = {}
        self._struck: dict[str | None, deque[Strike]] = {}
        self._coming: dict[int, Future[Inputs]] = {}
        self._loading: Counter[Source] = Counter()

    def begin(self, users: Collection[str | None]) -> None:
        """Looks up, for the next lines, what is on record of their callers (pseudonyms, None for the tenant)."""
        self._pasts = self._plain.conduct.pasts(self._tenant_id, users)

    def expect(self, order: Order) -> None:
        """Begins to fetch and decode the pictures of an order that comes soon, unless that was begun for another."""
        sources = [source for source in (order.image, order.mask) if source is not None]
        if not all(map(self._is_near, sources)) and not any(self._loading[source] for source in sources):
            self._loading.update(sources)
            self._coming[id(order)] = self._executor.submit(self._pictures.take, order)

    def judge(self, params: InpaintParams) -> Verdict:
        """Once for each wording."""
        wording = (params.prompt, params.negative_prompt, params.prompt_syntax)
        found: Verdict = self._verdicts.get(wording, lambda: self._plain.judge(params))
        return found

    def take(self, tenant_id: str, order: Order, params: InpaintParams) -> Inputs:  # noqa: ARG002
        """What was expected, or else what can be had now."""
        coming = self._coming.pop(id(order), None)
        if coming is None:
            return self._pictures.take(order)
        self._loading.subtract(source for source in (order.image, order.mask) if source is not None)
        self._loading += Counter()
        return coming.result()

    def imprint(self, tenant_id: str, params: InpaintParams, image: Input) -> Imprint:
        """Words and picture apart, for each comes again with other companions."""
        wording = (params.prompt, params.prompt_syntax)
        words = self._words.get(wording, lambda: self._plain.conduct.words(tenant_id, params))
        picture = self._prints.get(image.sha256, lambda: self._plain.conduct.picture(tenant_id, image.sha256))
        return Imprint(words, picture)

    def past(self, tenant_id: str, user: str | None) -> Past:  # noqa: ARG002
        """What was on record before this chunk, and the strikes that lines of this batch earned since."""
        past = self._pasts[user]
        known = {strike.job_id for strike in past.strikes}
        fresh = [strike for strike in self._struck.get(user, ()) if strike.job_id not in known]
        return replace(past, strikes=(*reversed(fresh), *past.strikes)) if fresh else past

    def webhook_id(self, hook: Hook) -> str:
        """The endpoint that a line names itself; made once for each URL."""
        found: str = self._hooks.get(hook, lambda: self._webhooks.implicit(self._tenant_id, hook.url, hook.events))
        return found

    def note(self, new: NewJob) -> None:
        """Remembers the strikes that a line earned: the next may be the same request, reworded."""
        for row in new.also:
            if (strike := earned(row)) is not None:
                looked_at = self._plain.policy.behavior.looks_back
                self._struck.setdefault(strike.user, deque(maxlen=looked_at)).append(strike)

    def _is_near(self, source: Source) -> bool:
        return not isinstance(source, bytes) and self._pictures.holds(source)


class _Memory(OrderedDict[Any, T]):
    """The last MOST_REMEMBERED answers by their question."""

    def get(self, question: Any, answer: Callable[[], T]) -> T:  # type: ignore[override]
        """The answer that was given before, or a new one."""
        if question in self:
            self.move_to_end(question)
            return self[question]
        self[question] = found = answer()
        if len(self) > MOST_REMEMBERED:
            self.popitem(last=False)
        return found
