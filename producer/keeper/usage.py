"""Adds up what each tenant used, hour by hour, so that nobody has to go through all jobs to tell."""

from __future__ import annotations

import threading

from producer.keeper.keeper import Duty
from storage.usage_store import UsageStore

SECONDS = 300.0


def adding_up(usage: UsageStore, stop: threading.Event) -> Duty:
    """The duty of adding up hours that are over."""

    def add_up() -> int:
        hours = 0
        for tenant_id in usage.tenants():
            while not stop.is_set() and (added := usage.add_up(tenant_id)):
                hours += added
        return hours

    return Duty("usage", SECONDS, add_up)
