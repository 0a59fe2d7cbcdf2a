"""Deciding cases: what each choice carries out, what needs a second person, and what undoes it."""

from __future__ import annotations

from dataclasses import dataclass

from producer.errors import NotAllowed
from producer.moderation.agreement import Agreement
from producer.moderation.care import UNSEEN_SEVERITY, Allowance, Care
from producer.moderation.measures import Measures
from producer.moderation.undoing import Undoing
from producer.review import Reviewer, Word
from safety.policy import Policy
from safety.reasons import Approval, Rejection
from storage.case import Case, CaseKind, CaseState, Choice, Ruling
from storage.case_store import CaseStore, Wanted
from storage.errors import CaseLost
from storage.exposure_store import ExposureStore
from storage.moderator_store import Moderator
from storage.review_store import Settling

LEADS = "restricted"


@dataclass(frozen=True, slots=True)
class Given:
    """What a moderator who asks for the next case gets: a case, or none, and then why not."""

    case: Case | None
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class Decisions:
    """The work of moderators. Safe to call from many threads; every method raises DatabaseUnavailable."""

    cases: CaseStore
    exposures: ExposureStore
    care: Care
    reviewer: Reviewer
    measures: Measures
    policy: Policy
    agreement: Agreement | None = None

    def queues(self, moderator: Moderator) -> tuple[str, ...]:
        """The queues whose cases the moderator may be given or, as an auditor, read."""
        sees_all = moderator.role.leads or not moderator.role.decides
        return tuple(q.name for q in self.policy.review.queues if sees_all or q.role == "reviewer")

    def next(self, moderator: Moderator) -> Given:
        """The next case for the moderator, or none while they should rest. Raises NotAllowed for an auditor."""
        _may_decide(moderator)
        allowance = self.care.allowance(moderator.name)
        if allowance.break_seconds > 0:
            return Given(None, allowance)
        wanted = Wanted(moderator.name, self.queues(moderator), allowance.without)
        known = None if self.agreement is None else self.agreement.mixed_in(wanted)
        return Given(known or self.cases.next(wanted), allowance)

    def take(self, case: Case, moderator: Moderator) -> Case:
        """Gives the moderator this very case. Raises CaseLost, and NotAllowed for an auditor or one who should rest."""
        _may_decide(moderator)
        allowance = self.care.allowance(moderator.name)
        if allowance.break_seconds > 0:
            raise NotAllowed(f"Take a break: cases are given to you again in {allowance.break_seconds / 60:.0f} min.")
        if case.category in allowance.without:
            raise NotAllowed(f"You have seen enough of {case.category} for today: leave this one to somebody else.")
        return self.cases.take(case.id, moderator.name)

    def give_back(self, case: Case, moderator: Moderator) -> None:
        """Lets the case go unchanged. Raises CaseLost, NotAllowed."""
        self._check_own(case, moderator)
        self._must(self.cases.give_back(case), case)

    def holds(self, case: Case, moderator: Moderator) -> bool:
        """Whether the case is the moderator's at this moment."""
        mine = case.lease_by == moderator.name and case.is_pending
        return mine and case.lease_until is not None and case.lease_until > self.cases.now()

    def reveal(self, case: Case, moderator: Moderator, picture: str, why: str | None = None) -> None:
        """Notes that the moderator looks at one picture of the case; from UNSEEN_SEVERITY on it has to say `why`.

        Raises CaseLost unless it is theirs, NotAllowed without a `why` where one is needed.
        """
        if not self.holds(case, moderator):
            raise CaseLost(f"the case {case.id} is not yours: take it first")
        if case.severity >= UNSEEN_SEVERITY and not why:
            raise NotAllowed("Say why the pictures have to be seen: most cases of this severity are decided without.")
        also = [self.measures.record(case, moderator, "reveal", note=f"{picture}: {why}")] if why else []
        self.exposures.note(moderator.name, case, picture, also)

    def decide(self, case: Case, moderator: Moderator, ruling: Ruling) -> Case:
        """Carries the ruling out, or proposes it where a second person has to confirm it.

        Raises CaseLost where the case is not, or no longer, the moderator's; NotAllowed; and NotHeld where the job
        has moved on.
        """
        self._check_own(case, moderator)
        check_reason(ruling)
        if case.copy_of is not None:
            self._judge(case, moderator, ruling)
        elif case.state is CaseState.OPEN and self.policy.review.needs_two(case.kind.value, case.severity):
            self.measures.check(ruling, moderator)
            record = self.measures.record(case, moderator, "propose", ruling)
            self._must(self.cases.propose(case, ruling, [record]), case)
        else:
            self._carry_out(case, moderator, ruling)
        return self.cases.get(case.id)

    def _judge(self, case: Case, moderator: Moderator, ruling: Ruling) -> None:
        """What is decided on a case with a known answer: it is noted, and changes nothing else."""
        if self.agreement is None:
            raise NotAllowed("Known answers are not measured here.")
        self.measures.check(ruling, moderator)
        self.agreement.known.judge(case, ruling, [self.measures.record(case, moderator, "judge", ruling)])

    def confirm(self, case: Case, moderator: Moderator) -> Case:
        """Carries out what another proposed. Raises CaseLost, NotAllowed, NotHeld."""
        self._check_own(case, moderator)
        if case.proposal is None or case.proposed_by == moderator.name:
            raise NotAllowed("There is nothing here for you to confirm: another person's proposal is needed.")
        self._carry_out(case, moderator, case.proposal)
        decided = self.cases.get(case.id)
        if self.agreement is not None:
            self.agreement.learn(decided, self.cases.of_job(case.job_id), self.reviewer.store.get(case.job_id))
        return decided

    def carry_out(self, case: Case, moderator: Moderator, ruling: Ruling) -> Case:
        """Carries out what two people agreed on elsewhere, as in bulk. Raises CaseLost, NotAllowed, NotHeld."""
        self._check_own(case, moderator)
        check_reason(ruling)
        self._carry_out(case, moderator, ruling)
        return self.cases.get(case.id)

    def disagree(self, case: Case, moderator: Moderator, note: str) -> Case:
        """Passes a case on to the leads because the two do not agree. Raises CaseLost, NotAllowed."""
        self._check_own(case, moderator)
        record = self.measures.record(case, moderator, "disagree", note=note)
        self._must(self.cases.disagree(case, LEADS if self._has(LEADS) else case.queue, [record]), case)
        return self.cases.get(case.id)

    def skip(self, case: Case, moderator: Moderator, reason: str) -> None:
        """Passes the case over; it is not given to the moderator again. Raises CaseLost, NotAllowed."""
        self._check_own(case, moderator)
        record = self.measures.record(case, moderator, "skip", note=reason)
        self._must(self.cases.skip(case, reason, [record]), case)

    def escalate(self, case: Case, moderator: Moderator, note: str) -> Case:
        """Passes the case on to the leads. Raises CaseLost, NotAllowed."""
        self._check_own(case, moderator)
        record = self.measures.record(case, moderator, "escalate", note=note)
        self._must(self.cases.escalate(case, LEADS if self._has(LEADS) else case.queue, [record]), case)
        return self.cases.get(case.id)

    def _carry_out(self, case: Case, moderator: Moderator, ruling: Ruling) -> None:
        reason: Approval | Rejection = (
            Approval(ruling.reason) if ruling.choice is Choice.APPROVE else Rejection(ruling.reason)
        )
        word = Word(moderator.name, reason, ruling.note, ruling.rule)
        self.measures.check(ruling, moderator)
        rows = self.measures.rows(case, moderator, ruling)
        carry = {
            (CaseKind.HELD, Choice.APPROVE): self.reviewer.approve,
            (CaseKind.HELD, Choice.REJECT): self.reviewer.reject,
            (CaseKind.REPORT, Choice.APPROVE): self.reviewer.keep,
            (CaseKind.REPORT, Choice.REJECT): self.reviewer.withdraw,
            (CaseKind.APPEAL, Choice.APPROVE): self.reviewer.grant,
            (CaseKind.APPEAL, Choice.REJECT): self.reviewer.uphold,
        }[case.kind, ruling.choice]
        # Copies first, while there are pictures; of a decision that came to nothing none stays blocked.
        self.measures.block_copies(case, moderator, ruling)
        try:
            carry(case.job_id, word, Settling(case, ruling), rows)
        except Exception:
            self.measures.unblock_copies(case, moderator)
            raise

    def undo(self, case_id: str, moderator: Moderator, note: str) -> Case:
        """Takes a decision back: see Undoing. Raises CaseNotFound, NotAllowed, NotHeld, NotAppealable."""
        _may_decide(moderator)
        return self.undoing.undo(self.cases.get(case_id), moderator, note)

    @property
    def undoing(self) -> Undoing:
        """What takes decisions back."""
        return Undoing(self.cases, self.reviewer, self.measures, self.policy)

    def _check_own(self, case: Case, moderator: Moderator) -> None:
        _may_decide(moderator)
        if case.lease_by != moderator.name:
            raise CaseLost(f"the case {case.id} is not yours: take it first")

    def _must(self, changed: bool, case: Case) -> None:
        if not changed:
            raise CaseLost(f"the case {case.id} is no longer yours: its time ran out, or it was decided")

    def _has(self, queue: str) -> bool:
        return any(rule.name == queue for rule in self.policy.review.queues)


def _may_decide(moderator: Moderator) -> None:
    if not moderator.role.decides:
        raise NotAllowed("An auditor reads and decides nothing; ask an admin for another role.")


def check_reason(ruling: Ruling) -> None:
    """Raises NotAllowed for a reason that does not belong to the choice."""
    known = set(Approval) if ruling.choice is Choice.APPROVE else set(Rejection)
    if ruling.reason not in known:
        raise NotAllowed(f"{ruling.reason!r} is no reason to {ruling.choice.value}: give one of {sorted(known)}.")
