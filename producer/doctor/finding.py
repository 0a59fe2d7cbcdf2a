"""What the doctor says about one thing, and how a look at it becomes that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from safety.errors import SafetyError
from storage.errors import SettingsError

AUTHORITIES = {
    "database": "sslrootcert in INPAINTD_DATABASE_URL",
    "redis": "INPAINTD_REDIS_CA",
    "objects": "INPAINTD_S3_CA",
}


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


def found(what: str, look: Callable[[], str], advice: str) -> Finding:
    """OK with what `look()` returns; FAIL with what it raises and `advice`, which our own errors need not."""
    try:
        return Finding(what, Outcome.OK, look())
    except (SettingsError, SafetyError) as error:
        return Finding(what, Outcome.FAIL, str(error))
    except Exception as error:  # noqa: BLE001  (each driver has errors of its own; all of them mean: not well)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "certificate verify failed" in reason and "mismatch" not in reason:
            advice = f"name the authority of its certificate by {AUTHORITIES.get(what, 'its setting')}"
        return Finding(what, Outcome.FAIL, f"{reason}: {advice}.")


def always(text: str, look: Callable[[], object]) -> Callable[[], str]:
    """A look that says `text` if `look()` raises nothing."""

    def looked() -> str:
        look()
        return text

    return looked


def judged(what: str, well: bool, text: str, advice: str) -> Finding:
    """OK with `text`, or a warning with `advice` as well."""
    return Finding(what, Outcome.OK, text) if well else Finding(what, Outcome.WARN, f"{text}; {advice}")
