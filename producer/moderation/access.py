"""Who may see what of a case: its page, and its pictures."""

from __future__ import annotations

from dataclasses import dataclass

from producer.errors import NotAllowed
from producer.moderation.care import UNSEEN_SEVERITY
from producer.moderation.decisions import Decisions
from storage.case import Case
from storage.case_store import CaseStore
from storage.errors import CaseLost
from storage.exposure_store import ExposureStore
from storage.moderator_store import Moderator


@dataclass(frozen=True, slots=True)
class Sight:
    """What a moderator sees of a case. `holds` is whether it is theirs to decide now.

    `veiled` is whether they see its pictures blurred and grey; `clear` are those that they see as they are.
    """

    holds: bool
    veiled: bool
    clear: frozenset[str]


@dataclass(frozen=True, slots=True)
class Access:
    """Answers from SQL alone, so that no address that was kept opens anything. For many threads."""

    cases: CaseStore
    exposures: ExposureStore
    decisions: Decisions

    def case(self, case_id: str, moderator: Moderator) -> Case:
        """The case, for its page. Raises CaseNotFound, and NotAllowed for a queue that is not the moderator's."""
        case = self.cases.get(case_id)
        if case.queue not in self.decisions.queues(moderator) and case.lease_by != moderator.name:
            raise NotAllowed(f"The case {case_id} is in the queue {case.queue}, which is for leads.")
        return case

    def sight(self, case: Case, moderator: Moderator) -> Sight:
        """What the moderator may see of it now: who holds it, everything; leads and auditors, what is veiled."""
        holds = self.decisions.holds(case, moderator)
        reads = moderator.role.leads or not moderator.role.decides
        shown = case.severity < UNSEEN_SEVERITY
        clear = self.exposures.revealed(moderator.name, case.id) if holds else frozenset[str]()
        return Sight(holds, (holds or reads) and shown, clear)

    def check_picture(self, case: Case, moderator: Moderator, which: str, *, clear: bool) -> None:
        """Raises CaseLost or NotAllowed unless the moderator may see this picture of it this way."""
        sight = self.sight(case, moderator)
        if which in sight.clear or (not clear and sight.veiled):
            return
        if not sight.holds:
            raise CaseLost(f"the pictures of {case.id} are for whoever holds it: take it first")
        raise NotAllowed("Reveal this picture first: what you look at is counted, to keep you from too much of it.")
