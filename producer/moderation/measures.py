"""What may go with a decision: copies are blocked, the tenant is warned or suspended. And what takes that back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from PIL import Image

from producer.errors import NotAllowed
from safety.banks import bank_picture
from safety.errors import BankError
from safety.policy import Policy
from storage.also import Row
from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.case import Case, Ruling
from storage.errors import ObjectMissing
from storage.hash_bank_store import HashBankStore, Known
from storage.measure_store import MeasureKind, MeasureStore, measure_row
from storage.moderator_store import Moderator
from storage.object_store import ObjectStore
from storage.pictures import PictureError, open_picture
from storage.review_store import ReviewStore

log = structlog.get_logger(__name__)

BLOCK_COPIES, WARN, SUSPEND = "block_copies", "warn", "suspend"
ALL = (BLOCK_COPIES, WARN, SUSPEND)
BANK = "reported"
_TEXTS = {
    WARN: "Requests of yours were refused under {rule}. Further ones may lead to a suspension.",
    SUSPEND: "Requests of yours were refused under {rule}; you may submit none until this suspension is ended.",
}


@dataclass(frozen=True, slots=True)
class Measures:
    """Takes measures and takes them back. Safe to call from many threads."""

    jobs: ReviewStore
    banks: HashBankStore
    store: MeasureStore
    objects: ObjectStore
    policy: Policy

    def check(self, ruling: Ruling, moderator: Moderator) -> None:
        """Raises NotAllowed for a measure there is none of, or that the moderator's role does not take."""
        unknown = sorted(set(ruling.then) - set(ALL))
        if unknown:
            raise NotAllowed(f"There is no measure {unknown[0]!r}: choose from {', '.join(ALL)}.")
        if SUSPEND in ruling.then and not moderator.role.leads:
            raise NotAllowed("Only a lead may suspend a tenant: escalate the case instead.")

    def rows(self, case: Case, moderator: Moderator, ruling: Ruling) -> list[Row]:
        """The warning or suspension of the case's tenant, for the commit of the decision."""
        wanted = [kind for kind in MeasureKind if kind.value in ruling.then]
        rule = ruling.rule or case.rule
        texts = {kind: _TEXTS[kind.value].format(rule=rule) for kind in wanted}
        by = moderator.name
        return [measure_row(case.tenant_id, kind, text=texts[kind], by=by, case_id=case.id) for kind in wanted]

    def block_copies(self, case: Case, moderator: Moderator, ruling: Ruling) -> int:
        """Adds the hashes of the case's pictures to the bank, before they are gone; how many were new.

        Raises ObjectStoreUnavailable.
        """
        if BLOCK_COPIES not in ruling.then:
            return 0
        known = list(self._hashed(case))
        record = self.note_on(BANK, moderator, "bank_add", note=f"{len(known)} pictures: {_reason(case)}")
        return self.banks.add(known, moderator.name, [record])

    def unblock_copies(self, case: Case, moderator: Moderator) -> None:
        """Takes the hashes of the case's pictures out of the bank again."""
        record = self.note_on(BANK, moderator, "bank_remove", note=f"Taken back: {_reason(case)}")
        self.banks.remove_for(_reason(case), [record])

    def undo(self, case: Case, moderator: Moderator) -> None:
        """Takes back whatever went with the decision on the case."""
        self.store.end_of_case(case.id, moderator.name)
        self.unblock_copies(case, moderator)

    def end(self, measure_id: str, moderator: Moderator, why: str) -> None:
        """Ends a warning or a suspension, and leaves the decision that it went with. Raises NotAllowed."""
        if not moderator.role.leads:
            raise NotAllowed("Warnings and suspensions are ended by leads.")
        measure = self.store.get(measure_id)
        action = "" if measure is None else f"end_{measure.kind.value}"
        rows = [] if measure is None else [self.note_on(measure.tenant_id, moderator, action, note=why)]
        if not self.store.end(measure_id, moderator.name, rows):
            raise NotAllowed("This has ended already, or there is no such measure.")

    def record(
        self, case: Case, moderator: Moderator, action: str, ruling: Ruling | None = None, *, note: str | None = None
    ) -> Row:
        """The audit record of a step that leaves the job as it is: on the case's job, by the moderator."""
        return self.note_on(case.job_id, moderator, action, ruling, note=note)

    def note_on(
        self, subject: str, moderator: Moderator, action: str, ruling: Ruling | None = None, *, note: str | None = None
    ) -> Row:
        """The same on whatever it is about: a job, a tenant, a bank, a bulk decision."""
        policy = self.policy
        decision = Decision(
            Stage.REVIEW,
            action,
            PolicyId(policy.name, policy.version, policy.sha256),
            actor=moderator.name,
            automated=False,
            reason=None if ruling is None else ruling.reason,
            note=note if ruling is None else ruling.note,
        )
        return audit_row(subject, decision)

    def _hashed(self, case: Case) -> Iterator[Known]:
        job = self.jobs.get(case.job_id)
        for key in (job.image_key, *(image.key for image in job.images)):
            try:
                picture = open_picture(self.objects.get(key))
                banked = bank_picture(BANK, Image.fromarray(picture.rgb), _reason(case))
            except (BankError, PictureError, ObjectMissing) as problem:
                # One of them is too flat to be known again, or gone: the others still are.
                log.warning("copy_not_blocked", case_id=case.id, problem=str(problem))
                continue
            yield Known(banked.bank, banked.hashes, banked.reason)


def _reason(case: Case) -> str:
    return f"Blocked by the decision on {case.id}."
