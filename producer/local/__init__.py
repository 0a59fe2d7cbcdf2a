"""The embedded stack: everything inpaintd needs in one folder, for a laptop, a test or a demonstration."""

from producer.local_errors import LocalStackError
from producer.local.stack import LocalStack

__all__ = ["LocalStack", "LocalStackError"]
