"""Keeping the banks of known pictures: what comes in and goes out, who did it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from producer.errors import NotAllowed
from safety.banks import Banked, bank_picture, checked_name, packaged, read_hashes
from safety.errors import BankError
from safety.policy import Policy
from storage.also import Row
from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.hash_bank_store import HashBankStore, Known
from storage.moderator_store import Moderator
from storage.pictures import PictureError, open_picture


@dataclass(frozen=True, slots=True)
class BankKeeping:
    """Changes of the banks by moderators; each leaves an audit record on the bank. For many threads."""

    banks: HashBankStore
    policy: Policy

    def sizes(self) -> dict[str, int]:
        """Pictures in each bank, those that come with the product among them. Raises DatabaseUnavailable."""
        sizes = self.banks.sizes()
        for known in packaged():
            sizes[known.bank] = sizes.get(known.bank, 0) + 1
        return dict(sorted(sizes.items()))

    def add(self, moderator: Moderator, bank: str, files: Sequence[bytes], why: str) -> int:
        """Adds pictures, of which only hashes are kept; how many were new. Raises NotAllowed, which says what to do."""
        try:
            pictures = [bank_picture(bank, Image.fromarray(open_picture(data).rgb), why) for data in files]
        except (BankError, PictureError) as problem:
            raise NotAllowed(str(problem)) from problem
        return self._add(moderator, bank, pictures, "bank_add", why)

    def import_csv(self, moderator: Moderator, bank: str, data: bytes, why: str) -> int:
        """Adds PDQ hashes out of a CSV file: see safety.banks.read_hashes. Raises NotAllowed."""
        try:
            pictures = read_hashes(data.decode("utf-8-sig"), bank, why)
            if not pictures:
                checked_name(bank)
        except (BankError, UnicodeDecodeError) as problem:
            raise NotAllowed(str(problem)) from problem
        return self._add(moderator, bank, pictures, "bank_import", why)

    def remove(self, moderator: Moderator, entry_id: str, why: str) -> None:
        """Takes a picture out of its bank. Raises NotAllowed where there is none."""
        self._check(moderator)
        entry = self.banks.get(entry_id)
        rows = [] if entry is None else [self._record(moderator, entry.bank, "bank_remove", f"{entry_id}: {why}")]
        if entry is None or not self.banks.remove(entry_id, rows):
            raise NotAllowed("This picture is in no bank: somebody may have removed it before.")

    def _add(self, moderator: Moderator, bank: str, pictures: Sequence[Banked], action: str, why: str) -> int:
        self._check(moderator)
        record = self._record(moderator, bank, action, f"{len(pictures)} pictures: {why}")
        known = [Known(picture.bank, picture.hashes, picture.reason) for picture in pictures]
        return self.banks.add(known, moderator.name, [record])

    def _record(self, moderator: Moderator, bank: str, action: str, note: str) -> Row:
        rules = PolicyId(self.policy.name, self.policy.version, self.policy.sha256)
        made = Decision(Stage.REVIEW, action, rules, actor=moderator.name, automated=False, note=note)
        return audit_row(bank, made)

    def _check(self, moderator: Moderator) -> None:
        if not moderator.role.leads:
            raise NotAllowed("The banks are kept by leads.")
