"""The error tree of the worker.

WorkerError
├── RequestCanceled     the caller gave the request up; nothing was decoded
├── RequestUnsupported  this model cannot honour a value that was asked for
├── NumericalFailure    the model produced NaN or infinity
├── OutOfMemory         the device had no memory for one request alone; worth a retry elsewhere
├── EngineDraining      the engine takes no new requests
├── DeviceLost          the device is not there or no longer answers; only a new process can help
├── ModelUnusable       a checkpoint cannot be loaded, or must not be
└── PlanImpossible      no number of GPUs does what was asked, or it was asked in a way that cannot be read
"""


class WorkerError(Exception):
    """Base of every error this package raises on purpose; its text tells the reader what to do next."""


class RequestCanceled(WorkerError):
    """The request was canceled before it was finished."""


class RequestUnsupported(WorkerError):
    """The loaded model cannot honour a value of the request; the text names the field."""


class NumericalFailure(WorkerError):
    """The model produced NaN or infinity, which must never be shown as a picture."""


class OutOfMemory(WorkerError):
    """The device ran out of memory although the request ran alone."""


class EngineDraining(WorkerError):
    """The engine takes no new requests: it is finishing, or it is closed."""


class DeviceLost(WorkerError):
    """The device is not there or no longer answers. End this process; a new one may find the device well."""


class ModelUnusable(WorkerError):
    """The checkpoint cannot be loaded, or must not be: the text says what is wrong and what to use instead."""


class PlanImpossible(WorkerError):
    """`inpaintd plan` has no answer; the text says which of its inputs to change."""
