"""The error tree of the storage package.

StorageError
├── JobNotFound            no such job for this tenant
├── FileMissing            no such uploaded file for this tenant
├── IllegalMove            the job's state does not allow the move that was asked for
├── ObjectMissing          the object store holds nothing under that key
├── ObjectStoreUnavailable the object store did not answer; worth a retry
└── SettingsError          an INPAINTD_* variable has a value that cannot be used
"""


class StorageError(Exception):
    """Base of every error this package raises on purpose."""


class JobNotFound(StorageError):
    """No job with this id belongs to the tenant."""


class FileMissing(StorageError):
    """No uploaded file with this id belongs to the tenant."""


class IllegalMove(StorageError):
    """The job is in a state that does not allow the requested move."""


class ObjectMissing(StorageError):
    """The object store holds nothing under the key."""


class ObjectStoreUnavailable(StorageError):
    """The object store failed or did not answer in time; the same call may succeed later."""


class DatabaseUnavailable(StorageError):
    """The database did not answer. If that was at a commit, only reading the row tells whether it took effect."""


class SettingsError(StorageError):
    """An environment variable holds a value that cannot be used; the message names it and what is expected."""
