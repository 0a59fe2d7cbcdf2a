"""Many cases at once: chosen by a filter, tried dry, proposed by one lead, carried out case by case by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from producer.errors import NotAllowed, NotAppealable, NotHeld
from producer.moderation.decisions import Decisions, check_reason
from storage.bulk_store import Bulk, BulkState, BulkStore, Outcome
from storage.case import Case, CaseKind, CaseState, Choice, Ruling
from storage.case_store import CaseFilter, CaseStore
from storage.errors import CaseLost, CaseNotFound, ObjectStoreUnavailable
from storage.ids import new_id
from storage.moderator_store import Moderator

MOST = 200
_DOES = {
    (CaseKind.HELD, Choice.APPROVE, "request"): "the job is queued",
    (CaseKind.HELD, Choice.APPROVE, "result"): "the result is released",
    (CaseKind.HELD, Choice.REJECT, "request"): "the job is blocked",
    (CaseKind.HELD, Choice.REJECT, "result"): "the job is blocked and its result deleted",
    (CaseKind.REPORT, Choice.APPROVE, None): "the result stays",
    (CaseKind.REPORT, Choice.REJECT, None): "the result is withdrawn",
    (CaseKind.APPEAL, Choice.APPROVE, None): "the refusal is overturned",
    (CaseKind.APPEAL, Choice.REJECT, None): "the refusal stands",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a decision would do to one case; `why_not` instead where it would do nothing."""

    case: Case
    does: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class BulkWork:
    """Decisions on many cases. Safe to call from many threads; every method raises DatabaseUnavailable."""

    store: BulkStore
    cases: CaseStore
    decisions: Decisions

    def preview(self, moderator: Moderator, only: CaseFilter, ruling: Ruling) -> list[Effect]:
        """What the ruling would do to the cases that fit, MOST of them at most. Nothing is changed.

        Raises NotAllowed for a role or a ruling with which it could not be proposed.
        """
        self._check(moderator, ruling)
        wanted = replace(only, state=CaseState.OPEN, queues=self._queues(moderator, only))
        found = self.cases.page(wanted, limit=MOST)
        return [self._effect(case, moderator.name, ruling) for case in found if case.copy_of is None]

    def effects(self, bulk: Bulk) -> list[Effect]:
        """What a proposed bulk decision would do if it were confirmed now."""
        return [self._effect(case, bulk.proposed_by, bulk.ruling) for case in self._found(bulk.case_ids)]

    def propose(self, moderator: Moderator, case_ids: Sequence[str], ruling: Ruling) -> Bulk:
        """The decision, waiting for a second person. Raises NotAllowed."""
        self._check(moderator, ruling)
        chosen = list(dict.fromkeys(case_ids))
        if not 1 <= len(chosen) <= MOST:
            raise NotAllowed(f"Choose 1 to {MOST} cases: {len(chosen)} were chosen.")
        bulk_id = new_id("bulk")
        record = self.decisions.measures.note_on(bulk_id, moderator, "propose", ruling)
        return self.store.propose(chosen, ruling, moderator.name, bulk_id=bulk_id, also=[record])

    def confirm(self, bulk_id: str, moderator: Moderator) -> Bulk:
        """Carries it out, case by case; what cannot be done to one case stops none of the others.

        Raises CaseNotFound, and NotAllowed for who proposed it and for one that has ended.
        """
        bulk = self.store.get(bulk_id)
        self._check(moderator, bulk.ruling)
        if bulk.proposed_by == moderator.name:
            raise NotAllowed("You proposed this: another person has to confirm it.")
        if not self.store.start(bulk, moderator.name):
            raise NotAllowed("This has ended, or somebody else is carrying it out.")
        words = f"{bulk.ruling.note or ''} (In bulk, {bulk.id}, proposed by {bulk.proposed_by}.)".strip()
        ruling = replace(bulk.ruling, note=words)
        results = [self._carry_out(case_id, bulk, moderator, ruling) for case_id in bulk.case_ids]
        self.store.finish(bulk, results)
        return self.store.get(bulk_id)

    def refuse(self, bulk_id: str, moderator: Moderator) -> Bulk:
        """Drops it; who proposed it may do so too. Raises CaseNotFound, NotAllowed."""
        bulk = self.store.get(bulk_id)
        self._check(moderator, bulk.ruling)
        record = self.decisions.measures.note_on(bulk_id, moderator, "refuse")
        if not self.store.refuse(bulk, moderator.name, [record]):
            raise NotAllowed(f"This is {bulk.state.value}: only what is proposed can be refused.")
        return self.store.get(bulk_id)

    def may_confirm(self, bulk: Bulk, moderator: Moderator) -> bool:
        """Whether it waits for the word of somebody like the moderator."""
        waits = bulk.state is BulkState.PROPOSED or (
            bulk.state is BulkState.RUNNING and bulk.second_by == moderator.name
        )
        return waits and moderator.role.leads and bulk.proposed_by != moderator.name

    def _carry_out(self, case_id: str, bulk: Bulk, moderator: Moderator, ruling: Ruling) -> Outcome:
        try:
            case = self.cases.get(case_id)
            if case.state is CaseState.DECIDED and case.ruling == ruling and case.decided_by == moderator.name:
                return Outcome(case_id)  # before the process was ended in the middle of it
            if why_not := self._why_not(case, bulk.proposed_by):
                return Outcome(case_id, why_not)
            taken = self.cases.take(case_id, moderator.name)
            try:
                self.decisions.carry_out(taken, moderator, ruling)
            except Exception:
                self.cases.give_back(taken)
                raise
        except (CaseLost, CaseNotFound, NotAllowed, NotAppealable, NotHeld, ObjectStoreUnavailable) as problem:
            return Outcome(case_id, str(problem))
        return Outcome(case_id)

    def _effect(self, case: Case, proposer: str, ruling: Ruling) -> Effect:
        does = _DOES[case.kind, ruling.choice, case.held_at if case.kind is CaseKind.HELD else None]
        return Effect(case, does, self._why_not(case, proposer))

    def _why_not(self, case: Case, proposer: str) -> str | None:
        if case.state is not CaseState.OPEN:
            return f"it is {case.state.value}"
        if case.copy_of is not None:
            return "it is looked at one by one"
        if case.first_by == proposer:
            return f"{proposer} refused it in the first place"
        if case.lease_by is not None and case.lease_until is not None and case.lease_until > self.cases.now():
            return f"{case.lease_by} holds it"
        return None

    def _found(self, case_ids: Sequence[str]) -> list[Case]:
        found = []
        for case_id in case_ids:
            try:
                found.append(self.cases.get(case_id))
            except CaseNotFound:
                continue
        return found

    def _queues(self, moderator: Moderator, only: CaseFilter) -> tuple[str, ...]:
        mine = self.decisions.queues(moderator)
        return mine if only.queues is None else tuple(name for name in mine if name in only.queues)

    def _check(self, moderator: Moderator, ruling: Ruling) -> None:
        if not moderator.role.leads:
            raise NotAllowed("Bulk decisions are for leads.")
        check_reason(ruling)
        self.decisions.measures.check(ruling, moderator)
