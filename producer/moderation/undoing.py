"""Taking decisions back: what undoes each of them, and when that takes two."""

from __future__ import annotations

from dataclasses import dataclass

from producer.errors import NotAllowed
from producer.moderation.measures import Measures
from producer.review import Reviewer, Word
from safety.policy import Policy
from safety.reasons import Approval, Rejection
from safety.triage import place
from storage.case import Case, CaseKind, CaseState, Choice
from storage.case_store import CaseStore
from storage.moderator_store import Moderator


@dataclass(frozen=True, slots=True)
class Undoing:
    """Undoes decisions. Safe to call from many threads; every method raises DatabaseUnavailable."""

    cases: CaseStore
    reviewer: Reviewer
    measures: Measures
    policy: Policy

    def undo(self, case: Case, moderator: Moderator, note: str) -> Case:
        """The case, its decision taken back; or still standing, where a second person has to agree first.

        Raises NotAllowed, NotHeld, NotAppealable.
        """
        if not _stands(case):
            raise NotAllowed(f"The case {case.id} is {case.state.value}: only a decision that stands can be undone.")
        if not self.may(case, moderator):
            raise NotAllowed("Only who decided, or a lead, may undo a decision; and where two have to, each once.")
        if self.takes_two(case) and case.undo_by is None:
            record = self.measures.record(case, moderator, "propose_undo", note=note)
            self.cases.ask_undo(case, moderator.name, note, [record])
        else:
            # First, because a suspended tenant cannot have a job that carries a refused one on.
            self.measures.undo(case, moderator)
            self._carry_out(case, Word(moderator.name, _reason(case), note))
            self.cases.note_undone(case, moderator.name)
        return self.cases.get(case.id)

    def may(self, case: Case, moderator: Moderator) -> bool:
        """Whether the case is decided and the moderator may take that back, or agree to it."""
        may = moderator.role.decides and (case.decided_by == moderator.name or moderator.role.leads)
        return may and _stands(case) and case.undo_by != moderator.name

    def takes_two(self, case: Case) -> bool:
        """Whether two people have to agree: where two decided that something stays back, one does not let it out.

        To hold something back again takes one, and effect at once.
        """
        holds_back = case.ruling is not None and case.ruling.choice is Choice.REJECT
        return holds_back and self.policy.review.needs_two(case.kind.value, case.severity)

    def _carry_out(self, case: Case, word: Word) -> None:
        """What ended never changes, so an approval is undone by withdrawing, a refusal by another job in its place."""
        approved = case.ruling is not None and case.ruling.choice is Choice.APPROVE
        if case.kind is CaseKind.HELD:
            self.reviewer.revoke(case.job_id, word) if approved else self.reviewer.overturn(case.job_id, word)
        elif case.kind is CaseKind.APPEAL:
            granted = case.replacement or case.job_id
            self.reviewer.revoke(granted, word) if approved else self.reviewer.grant(case.job_id, word)
        elif approved:
            self._ask_again(case)
        else:
            self.reviewer.reinstate(case.job_id, word)

    def _ask_again(self, case: Case) -> None:
        """A complaint that was turned down waits again, as a case of its own."""
        where = place("report", case.category, case.severity, case.rule, self.policy)
        self.cases.open(self.reviewer.store.get(case.job_id), CaseKind.REPORT, where, case.words)


def _stands(case: Case) -> bool:
    return case.state is CaseState.DECIDED and case.undone_at is None and case.copy_of is None


def _reason(case: Case) -> Approval | Rejection:
    approved = case.ruling is not None and case.ruling.choice is Choice.APPROVE
    return Rejection.POLICY if approved else Approval.FALSE_ALARM
