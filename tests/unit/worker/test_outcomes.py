"""Whose fault an error is, and what follows."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety import errors as safety_errors
from storage import errors as storage_errors
from storage.errors import DatabaseUnavailable, ObjectStoreUnavailable
from storage.pictures import PictureError
from worker import errors as worker_errors
from worker.errors import DeviceLost, NumericalFailure
from worker.outcomes import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, OUTCOMES, Then, outcome_of, retry_delay


@pytest.mark.parametrize(
    ("error", "then", "code"),
    [
        (PictureError("mask_empty", "Nothing is left.", "mask"), Then.FAIL, "mask_empty"),
        (NumericalFailure("NaN"), Then.FAIL, "numerical_failure"),
        (ObjectStoreUnavailable("down"), Then.RETRY, "storage_unavailable"),
        (DeviceLost("gone"), Then.CRASH, "device_lost"),
        (DatabaseUnavailable("away"), Then.ABANDON, "storage_unavailable"),
        (ZeroDivisionError(), Then.RETRY, "internal"),
    ],
)
def test_each_error_has_its_outcome(error: Exception, then: Then, code: str) -> None:
    assert (outcome_of(error).then, outcome_of(error).code) == (then, code)


# Raised while a process starts, or by calls that a worker never makes; and RequestCanceled, which is settled elsewhere.
ELSEWHERE = {
    "AuditHeadMissing", "BankError", "BatchClosed", "BatchNotFound", "CaseLost", "CaseNotFound", "ClassifierError",
    "CoolingDown", "DeliveryNotFound", "EventNotFound", "FileInUse", "FileMissing", "IdempotencyConflict",
    "JobNotFound", "KeyNotFound", "LimitReached", "ModelUnusable", "ModeratorNotFound", "NameTaken",
    "PlanImpossible", "PolicyError", "QueueFull", "RequestCanceled", "SettingsError", "TenantNotFound",
    "TenantSuspended", "TooManyRequests", "TooManyWebhooks", "WebhookDisabled", "WebhookNotFound",
}  # fmt: skip


@pytest.mark.parametrize("module", [safety_errors, storage_errors, worker_errors])
def test_every_error_that_a_job_can_meet_has_a_row_of_its_own(module: ModuleType) -> None:
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    rows = tuple(kind for kind, _ in OUTCOMES if kind is not Exception)
    leaves = {kind.__name__ for kind in kinds if not kind.__subclasses__() and not issubclass(kind, rows)}
    assert leaves <= ELSEWHERE


def test_no_row_of_the_table_hides_a_later_one() -> None:
    for place, (kind, _) in enumerate(OUTCOMES):
        assert not any(issubclass(kind, earlier) for earlier, _ in OUTCOMES[:place])


@given(st.integers(0, 200))
def test_retries_back_off_within_bounds(error_count: int) -> None:
    assert FIRST_DELAY_SECONDS / 2 <= retry_delay(error_count) <= LONGEST_DELAY_SECONDS
