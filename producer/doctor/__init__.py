"""Whether this machine's settings, and every service they name, are fit for work; and what to do where not."""

from __future__ import annotations

from collections.abc import Iterator

from producer.doctor.database import check_database, check_schema, examine_database
from producer.doctor.finding import Finding, Outcome
from producer.doctor.machine import examine_devices, examine_traces
from producer.doctor.models import examine_model
from producer.doctor.redis import examine_redis
from producer.doctor.secrets import examine_safety
from producer.doctor.storing import examine_disks, examine_objects
from storage.database import Database
from storage.errors import SettingsError
from storage.settings import StorageSettings

__all__ = ["Finding", "Outcome", "check_database", "check_schema", "examine"]


def examine() -> list[Finding]:
    """Every finding, in the order in which to mend them. Never raises for what it finds."""
    return [*_examine_storage(), *examine_safety(), *examine_devices()]


def _examine_storage() -> Iterator[Finding]:
    try:
        storage = StorageSettings.from_env()
    except SettingsError as error:
        yield Finding("settings", Outcome.FAIL, str(error))
        return
    database = Database(storage.database_url)
    try:
        yield from examine_database(database)
    finally:
        database.close()
    yield from examine_redis(storage.redis_url)
    yield from examine_objects(storage)
    yield from examine_disks(storage)
    for alias, source in storage.sources.items():
        yield from examine_model(alias, source)
    yield from examine_traces(storage.otlp_endpoint)
