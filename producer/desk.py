"""What it takes to look at an order, asked anew for each; producer/batch_desk.py remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from producer.conduct import Conduct
from producer.inputs import Input, Inputs, InputShelf
from producer.order import Order
from producer.prompts import judge_prompts
from safety.behavior import Imprint
from safety.policy import Policy
from safety.verdict import Verdict
from storage.params import InpaintParams
from storage.strike_store import Past


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


@dataclass(frozen=True, slots=True)
class PlainDesk:
    """The Desk of single orders."""

    policy: Policy
    shelf: InputShelf
    conduct: Conduct

    def judge(self, params: InpaintParams) -> Verdict:
        """By the rules about prompts."""
        return judge_prompts(params, self.policy)

    def take(self, tenant_id: str, order: Order, params: InpaintParams) -> Inputs:
        """From the shelf."""
        return self.shelf.take(tenant_id, order.image, order.mask, params)

    def imprint(self, tenant_id: str, params: InpaintParams, image: Input) -> Imprint:
        """Of the words and of which picture it is."""
        return Imprint(self.conduct.words(tenant_id, params), self.conduct.picture(tenant_id, image.sha256))

    def past(self, tenant_id: str, user: str | None) -> Past:
        """Read from SQL a moment ago, or now."""
        return self.conduct.past(tenant_id, user)
