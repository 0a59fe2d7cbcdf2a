"""The caller that most tests of the HTTP interface need, for every folder that has a `stack`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.contract.api.serving import Stack, Tenant

_numbers = itertools.count()


@pytest.fixture
def tenant(stack: Stack) -> Iterator[Tenant]:
    """A caller who has sent nothing yet."""
    tenant = stack.tenant(f"tenant {next(_numbers)}")
    with tenant.http:
        yield tenant
