"""The error tree of the producer package.

ProducerError
├── NotHeld        a decision on a job that does not wait for one
├── NotAppealable  an appeal against what was not refused, or no longer stands open to one
├── NotAllowed     something that a moderator's role does not do
├── ErasureUnfinished  an erasure that is not done, or not on record
└── Refusal        a request that cannot be carried out, with a stable code and a sentence for its sender
    └── ComeAgain  the same request may do in a few seconds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


class ProducerError(Exception):
    """Base of every error this package raises on purpose."""


class NotHeld(ProducerError):
    """A person decided on a job that does not wait for a decision, or no longer does."""


class NotAppealable(ProducerError):
    """The job was not refused, its time to appeal is over, or there is nothing left to run again."""


class NotAllowed(ProducerError):
    """The moderator's role does not do this."""


class ErasureUnfinished(ProducerError):
    """Jobs that are to be erased still run, or no erasure of this id is on record."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request; `field` is a dotted path such as `output.quality`."""

    field: str
    code: str
    detail: str


class Refusal(ProducerError):
    """A request that is not carried out. `code` is one of the table in producer/api/problems.py."""

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)

    @classmethod
    def of_field(cls, field: str, code: str, detail: str) -> Refusal:
        """A refusal because of one field."""
        return cls(code, detail, [FieldError(field, code, detail)])

    @classmethod
    def of_fields(cls, errors: Sequence[FieldError]) -> Refusal:
        """A refusal because of several fields: their code where they agree on one, else `request_invalid`."""
        codes = {error.code for error in errors}
        code = codes.pop() if len(codes) == 1 else "request_invalid"
        first = f"{errors[0].field}: {errors[0].detail}" if errors[0].field else errors[0].detail
        more = f" ({len(errors) - 1} more in `errors`)" if len(errors) > 1 else ""
        return cls(code, first + more, errors)

    def renamed(self, names: Mapping[str, str]) -> Refusal:
        """The same refusal to somebody who calls the fields otherwise: `names` leads from ours to theirs."""
        if not any(error.field in names for error in self.errors):
            return self
        return Refusal.of_fields([replace(error, field=names.get(error.field, error.field)) for error in self.errors])


class ComeAgain(Refusal):
    """A request that is not carried out now. `retry_after` is the number of seconds after which it may be."""

    def __init__(self, code: str, detail: str, retry_after: float) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after
