"""What it takes to look at an order, asked anew for each; producer/batch_desk.py remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from producer.conduct import Conduct
from producer.inputs import Input, Inputs, InputShelf
from producer.order import Hook, Order
from producer.prompts import judge_prompts
from safety.behavior import Imprint
from safety.policy import Policy
from safety.verdict import Verdict
from storage.job import NewJob
from storage.params import InpaintParams
from storage.strike_store import Past
from storage.webhook_store import WebhookStore


class Desk(Protocol):
    """Answers what has to be known of an order before it becomes a job."""

    def judge(self, params: InpaintParams) -> Verdict:
        """What the policy says about both prompts. Raises Refusal."""

    def take(self, tenant_id: str, order: Order, params: InpaintParams) -> Inputs:
        """Both pictures, checked. Raises Refusal, LimitReached, ObjectStoreUnavailable."""

    def imprint(self, tenant_id: str, params: InpaintParams, image: Input) -> Imprint:
        """By what a like request is recognized."""

    def past(self, tenant_id: str, user: str | None) -> Past:
        """What is on record of the caller. Raises DatabaseUnavailable."""

    def webhook_id(self, tenant_id: str, hook: Hook) -> str:
        """The endpoint for a job that names it itself. Raises DatabaseUnavailable."""

    def note(self, new: NewJob) -> None:
        """Told of each order that is about to be stored."""


@dataclass(frozen=True, slots=True)
class PlainDesk:
    """The Desk of single orders."""

    policy: Policy
    shelf: InputShelf
    conduct: Conduct
    webhooks: WebhookStore

    def judge(self, params: InpaintParams) -> Verdict:
        """By the rules about prompts."""
        return judge_prompts(params, self.policy)

    def take(self, tenant_id: str, order: Order, params: InpaintParams) -> Inputs:
        """From the shelf."""
        return self.shelf.take(tenant_id, order.image, order.mask, params)

    def imprint(self, tenant_id: str, params: InpaintParams, image: Input) -> Imprint:
        """Of the words and the picture's bytes."""
        return Imprint(self.conduct.words(tenant_id, params), self.conduct.picture(tenant_id, image.data))

    def past(self, tenant_id: str, user: str | None) -> Past:
        """Read from SQL."""
        return self.conduct.past(tenant_id, user)

    def webhook_id(self, tenant_id: str, hook: Hook) -> str:
        """Made if there is none."""
        return self.webhooks.implicit(tenant_id, hook.url, hook.events)

    def note(self, new: NewJob) -> None:
        """Nothing is remembered."""
