"""The errors of this package, one tree.

SafetyError
├── PolicyError        the policy file cannot be read, or says something that cannot be carried out
├── BankError          a hash or a picture cannot go into a bank
├── ClassifierError    a classifier that the operator added cannot be loaded, or gave no usable answer
├── SettingsError      a setting of this package is missing or has no meaning
├── MarkError          a watermark could not be put into a picture so that it reads back
└── CredentialsError   content credentials could not be made, signed or read
"""


class SafetyError(Exception):
    """Base of every error this package raises on purpose; its text is fit for an operator to read."""


class PolicyError(SafetyError):
    """The policy is broken; `line` (1-based) points into the file, or is None when no line is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class BankError(SafetyError):
    """What was given cannot go into a bank of known pictures; the text says why."""


class ClassifierError(SafetyError):
    """A classifier cannot be loaded or gave no usable answer; its text names it and never its address."""


class SettingsError(SafetyError):
    """A setting is missing or has no meaning; the text names the variable."""


class MarkError(SafetyError):
    """The picture must not be released: its watermark does not read back."""


class CredentialsError(SafetyError):
    """The picture must not be released: its content credentials could not be signed, or cannot be read."""
