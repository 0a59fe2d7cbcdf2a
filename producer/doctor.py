"""Whether this machine's settings, and every service they name, are fit for work; and what to do where not."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from redis import Redis

from producer.settings import ProducerSettings
from safety.certificate import open_authority
from safety.errors import SafetyError
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.database import Database
from storage.errors import SettingsError
from storage.models import describe
from storage.object_store import open_object_store
from storage.schema import current_revision, needed_revision
from storage.settings import StorageSettings, folder_of

REDIS_SECONDS = 3.0
AUTHORITIES = {
    "database": "sslrootcert in INPAINTD_DATABASE_URL",
    "redis": "INPAINTD_REDIS_CA",
    "objects": "INPAINTD_S3_CA",
}
LOW_DISK_BYTES, NO_DISK_BYTES = 5 * 10**9, 200 * 10**6


class Outcome(StrEnum):
    """How a check went; with a FAIL, jobs fail or wait."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do if it is not well."""

    what: str
    outcome: Outcome
    detail: str


def examine() -> list[Finding]:
    """Every finding, in the order in which to mend them. Never raises for what it finds."""
    try:
        storage = StorageSettings.from_env()
    except SettingsError as error:
        return [Finding("settings", Outcome.FAIL, str(error)), *_examine_safety()]
    database = Database(storage.database_url)
    try:
        return [*_examine_storage(storage, database), *_examine_safety()]
    finally:
        database.close()


def check_database(database: Database) -> Finding:
    """Whether the database answers."""
    return _found(
        "database", _always("it answers", database.ping), "see that it runs and that INPAINTD_DATABASE_URL is right"
    )


def check_schema(database: Database) -> Finding:
    """Whether the tables are those of this version."""

    def look() -> str:
        current, needed = current_revision(database), needed_revision()
        if current != needed:
            raise LookupError(f"it is at revision {current}, and this version needs {needed}")
        return f"revision {current}"

    return _found("schema", look, "run `inpaintd migrate`")


def _examine_storage(storage: StorageSettings, database: Database) -> Iterator[Finding]:
    answers = check_database(database)
    yield answers
    if answers.outcome is Outcome.OK:
        yield check_schema(database)
    yield _found(
        "redis", lambda: _ping_redis(storage.redis_url), "see that it runs and that INPAINTD_REDIS_URL is right"
    )
    yield _found("objects", lambda: _try_objects(storage), "see INPAINTD_OBJECTS and the INPAINTD_S3_ settings")
    for alias, source in storage.sources.items():
        yield _check_model(alias, source)
    if storage.objects.startswith("file:///"):
        yield _check_disk(storage)


def _examine_safety() -> Iterator[Finding]:
    try:
        safety, producer = SafetySettings.from_env(), ProducerSettings.from_env()
    except (SafetyError, SettingsError) as error:
        yield Finding("settings", Outcome.FAIL, str(error))
        return
    yield _found("policy", lambda: load_policy(safety.policy).label, "correct the policy")
    yield _found("mark secret", _always("it is set", safety.require_mark_secret), "set INPAINTD_MARK_SECRET")
    yield _found("signing keys", lambda: _signing(safety), "set INPAINTD_CREDENTIALS_DIR")
    if producer.user_secret:
        yield Finding("user secret", Outcome.OK, "it is set")
    else:
        advice = "set INPAINTD_USER_SECRET to a random text, or pseudonyms of end-users can be guessed"
        yield Finding("user secret", Outcome.WARN, advice)


def _signing(safety: SafetySettings) -> str:
    if safety.certificate is None and safety.certificate_key is None:
        return str(safety.require_credentials_dir())
    open_authority(safety)
    return str(safety.certificate)


def _found(what: str, look: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(what, Outcome.OK, look())
    except (SettingsError, SafetyError) as error:
        return Finding(what, Outcome.FAIL, str(error))
    except Exception as error:  # noqa: BLE001  (each driver has errors of its own; all of them mean: not well)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "certificate verify failed" in reason and "mismatch" not in reason:
            advice = f"name the authority of its certificate by {AUTHORITIES.get(what, 'its setting')}"
        return Finding(what, Outcome.FAIL, f"{reason}: {advice}.")


def _always(text: str, look: Callable[[], object]) -> Callable[[], str]:
    def looked() -> str:
        look()
        return text

    return looked


def _ping_redis(url: str) -> str:
    with Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS) as client:
        return f"version {client.info('server')['redis_version']}"


def _try_objects(storage: StorageSettings) -> str:
    objects, key, data = open_object_store(storage), f"inputs/doctor/{secrets.token_hex(8)}", b"probe"
    objects.ping()
    objects.put(key, data, "application/octet-stream")
    try:
        if objects.get(key) != data:
            raise OSError("what was written does not read back")
    finally:
        objects.delete(key)
    return "writing, reading and deleting work"


def _check_model(alias: str, source: str) -> Finding:
    what = f"model {alias}"
    try:
        model = describe(alias, source)
    except SettingsError as error:
        return Finding(what, Outcome.FAIL, str(error))
    if model.can.assumed:
        advice = "this machine cannot look into it; the log of the worker that loads it tells whether it fits"
        return Finding(what, Outcome.WARN, f"{model.name}: {advice}")
    return Finding(what, Outcome.OK, f"{model.name}, {model.can.family}, {model.can.native_size} px")


def _check_disk(storage: StorageSettings) -> Finding:
    folder = folder_of(storage.objects)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("disk", Outcome.FAIL, f"{folder} cannot be examined ({error.strerror}); see INPAINTD_OBJECTS.")
    text = f"{free / 1e9:.1f} GB free"
    if free >= LOW_DISK_BYTES:
        return Finding("disk", Outcome.OK, text)
    outcome = Outcome.WARN if free >= NO_DISK_BYTES else Outcome.FAIL
    return Finding("disk", outcome, f"{text}; make room before results cannot be stored any more")
