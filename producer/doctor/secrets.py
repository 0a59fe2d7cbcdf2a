"""Policy, secrets and signing keys, and whether the secrets are any good."""

from __future__ import annotations

from collections.abc import Iterator

from producer.doctor.finding import Finding, Outcome, always, found, judged
from producer.settings import ProducerSettings
from safety.certificate import open_authority
from safety.errors import SafetyError
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.errors import SettingsError
from storage.settings import secret_text

# Fewer different characters than this, and a secret is a word or a key held down, not a random text.
FEWEST_CHARACTERS = 8
SHORTEST = 16


def examine_safety() -> Iterator[Finding]:
    """Everything that judging, marking and signing need."""
    try:
        safety, producer = SafetySettings.from_env(secret_text), ProducerSettings.from_env()
    except (SafetyError, SettingsError) as error:
        yield Finding("settings", Outcome.FAIL, str(error))
        return
    yield found("policy", lambda: load_policy(safety.policy).label, "correct the policy")
    marks = found("mark secret", always("it is set", safety.require_mark_secret), "set INPAINTD_MARK_SECRET")
    yield _strong(marks, safety.mark_secret, "marks can be forged and removed by whoever guesses it")
    yield found("signing keys", lambda: _signing(safety), "set INPAINTD_CREDENTIALS_DIR")
    advice = "set INPAINTD_USER_SECRET to a random text, or pseudonyms of end-users can be guessed"
    secret = producer.user_secret
    set_up = Finding("user secret", Outcome.OK if secret else Outcome.WARN, "it is set" if secret else advice)
    yield _strong(set_up, secret, "pseudonyms of end-users can be guessed")


def _strong(finding: Finding, secret: str | None, harm: str) -> Finding:
    if finding.outcome is not Outcome.OK or secret is None:
        return finding
    # Of several marks' secrets, the first one is in use.
    used = secret.split(",")[0]
    well = len(used) >= SHORTEST and len(set(used)) >= FEWEST_CHARACTERS
    advice = f"take {SHORTEST} random characters or more, as from `openssl rand -hex 32`: {harm}"
    return judged(finding.what, well, finding.detail if well else "it is weak", advice)


def _signing(safety: SafetySettings) -> str:
    if safety.certificate is None and safety.certificate_key is None:
        return str(safety.require_credentials_dir())
    open_authority(safety)
    return str(safety.certificate)
