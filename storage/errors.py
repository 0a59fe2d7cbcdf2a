"""The error tree of the storage package.

StorageError
├── JobNotFound            no such job for this tenant
├── TenantNotFound         no tenant of this name
├── TenantSuspended        the tenant may submit nothing at present
├── FileMissing            no such uploaded file for this tenant
├── FileInUse              a job that has not ended needs the file
├── LimitReached           a limit of the tenant stands against it; says when to come again
│   ├── QueueFull          as many of its jobs wait as may wait
│   ├── TooManyRequests    it asks more often than it may
│   └── CoolingDown        one of its end-users was refused so often that it has to wait
├── IdempotencyConflict    the idempotency key was used for another request
├── WebhookNotFound        no such webhook for this tenant
├── DeliveryNotFound       no such delivery of this webhook
├── TooManyWebhooks        the tenant has as many webhooks as it may have
├── WebhookDisabled        nothing is sent to this webhook
├── CaseNotFound           no such case
├── CaseLost               somebody else holds the case, or it is decided
├── ModeratorNotFound      no account of this name
├── NameTaken              there is an account of this name already
├── ObjectMissing          the object store holds nothing under that key
├── ObjectStoreUnavailable the object store did not answer; worth a retry
├── DatabaseUnavailable    the database did not answer; worth a retry
├── AuditHeadMissing       the audit chain has lost the row that says how it ends
└── SettingsError          an INPAINTD_* variable has a value that cannot be used
"""


class StorageError(Exception):
    """Base of every error this package raises on purpose."""


class JobNotFound(StorageError):
    """No job with this id belongs to the tenant."""


class TenantNotFound(StorageError):
    """No tenant has this name."""


class TenantSuspended(StorageError):
    """A moderator has suspended the tenant; the message is what it is told."""


class FileMissing(StorageError):
    """No uploaded file with this id belongs to the tenant."""


class FileInUse(StorageError):
    """A job that has not ended needs the file."""


class LimitReached(StorageError):
    """A limit of the tenant. `retry_after` is the number of seconds after which it makes sense to try again."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(LimitReached):
    """As many of the tenant's jobs are queued as may be."""


class TooManyRequests(LimitReached):
    """The tenant sent more requests a second than it may."""


class CoolingDown(LimitReached):
    """Requests of this end-user of the tenant are refused for a time, because too many of them had to be."""


class CaseNotFound(StorageError):
    """No case has this id."""


class CaseLost(StorageError):
    """The case is not the caller's to decide: its lease ran out, another holds it, or it is decided."""


class ModeratorNotFound(StorageError):
    """No moderator has this name."""


class NameTaken(StorageError):
    """A moderator has this name, or this OIDC subject, already."""


class IdempotencyConflict(StorageError):
    """The tenant used this idempotency key for a request with other content."""


class WebhookNotFound(StorageError):
    """No webhook with this id belongs to the tenant."""


class DeliveryNotFound(StorageError):
    """No delivery with this id belongs to the webhook."""


class TooManyWebhooks(StorageError):
    """The tenant has as many webhooks as it may have."""


class WebhookDisabled(StorageError):
    """The webhook is disabled, by its owner or because its receiver said that it is gone."""


class ObjectMissing(StorageError):
    """The object store holds nothing under the key."""


class ObjectStoreUnavailable(StorageError):
    """The object store failed or did not answer in time; the same call may succeed later."""


class DatabaseUnavailable(StorageError):
    """The database did not answer. If that was at a commit, only reading the row tells whether it took effect."""


class AuditHeadMissing(StorageError):
    """The audit chain has lost the row that says how it ends; nothing is sealed until it is back."""


class SettingsError(StorageError):
    """An environment variable holds a value that cannot be used; the message names it and what is expected."""
