"""The settings of this package: the only place in it that reads the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from safety.errors import SettingsError

SecretReader = Callable[[str, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Where the policy is, which secret marks results, and where signing keys lie."""

    policy: Path | None = field(
        default=None,
        metadata={"env": "INPAINTD_POLICY", "doc": "Policy file; the packaged safety/policy.yaml when unset."},
    )
    mark_secret: str | None = field(
        default=None,
        repr=False,
        metadata={
            "env": "INPAINTD_MARK_SECRET",
            "doc": "Secret of the watermark, 16 characters or more; several separated by commas: "
            "the first marks, all are recognized. Required to mark results.",
            "secret": True,
        },
    )
    credentials_dir: Path | None = field(
        default=None,
        metadata={
            "env": "INPAINTD_CREDENTIALS_DIR",
            "doc": "Folder of the certificate authority that signs content credentials; made on first use. "
            "Required to sign results.",
        },
    )

    certificate: Path | None = field(
        default=None,
        metadata={
            "env": "INPAINTD_CERTIFICATE",
            "doc": "Your own certificate that signs content credentials instead: PEM, leaf first, up to its root.",
        },
    )
    certificate_key: Path | None = field(
        default=None,
        metadata={
            "env": "INPAINTD_CERTIFICATE_KEY",
            "doc": "Its private key: PEM, without password, readable by its owner alone.",
        },
    )

    @classmethod
    def from_env(cls, secret_text: SecretReader, env: Mapping[str, str] | None = None) -> "SafetySettings":
        """Read INPAINTD_* from `env`, or from the process environment; empty means unset.

        `secret_text` gives the secret of a name in an environment, or "": the programs hand in the one reader of the
        house, storage.settings.secret_text, which this library cannot see. Raises what that raises.
        """
        source = os.environ if env is None else env
        value = {f.name: source.get(f.metadata["env"]) or None for f in fields(cls)}
        return cls(
            policy=_path(value["policy"]),
            mark_secret=secret_text("INPAINTD_MARK_SECRET", source) or None,
            credentials_dir=_path(value["credentials_dir"]),
            certificate=_path(value["certificate"]),
            certificate_key=_path(value["certificate_key"]),
        )

    def require_mark_secret(self) -> str:
        """The watermark secret. Raises SettingsError when unset, for no result may leave unmarked."""
        if self.mark_secret is None:
            raise SettingsError(
                "No watermark secret is set, and no result may leave unmarked: "
                "set INPAINTD_MARK_SECRET to a random text of 16 characters or more."
            )
        return self.mark_secret

    def require_credentials_dir(self) -> Path:
        """The folder of signing keys. Raises SettingsError when unset."""
        if self.credentials_dir is None:
            raise SettingsError(
                "No folder for signing keys is set, and every result is signed: "
                "set INPAINTD_CREDENTIALS_DIR to a folder that only this service can read, or INPAINTD_CERTIFICATE and "
                "INPAINTD_CERTIFICATE_KEY to a certificate of your own."
            )
        return self.credentials_dir


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
