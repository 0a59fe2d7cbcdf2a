"""The embedded stack: everything inpaintd needs in one folder, for a laptop, a test or a demonstration."""

from producer.local.stack import LocalStack
from producer.local_errors import LocalStackError

__all__ = ["LocalStack", "LocalStackError"]
