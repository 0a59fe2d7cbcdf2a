"""The `retention` section of the policy: for how many days marks and each column of the audit record are kept."""

from typing import Annotated

from pydantic import Field

from safety.strict import Strict

Days = Annotated[float, Field(gt=0, le=36500)]


class Retention(Strict):
    """Days from the decision on; null keeps for ever. The chain of the record verifies whatever has been erased.

    `prompts` also holds a reviewer's notes; `hashes` the SHA-256 and PDQ of pictures and the ids of marks; `user` the
    end-user's pseudonym; `record` everything else: the action, the rules and signals behind it, and who decided.
    `marks` are not of that record: what the detector knows a result by, and its credentials, from the result on.
    """

    prompts: Days | None = None
    hashes: Days | None = None
    user: Days | None = None
    record: Days | None = None
    marks: Days | None = None
