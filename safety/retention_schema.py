"""The `retention` section of the policy: for how many days marks and each column of the audit record are kept."""

from typing import Annotated

from pydantic import Field

from safety.strict import Strict

Days = Annotated[float, Field(gt=0, le=36500)]


class JobRetention(Strict):
    """Days by kind of content, as storage/retention.py describes the kinds; a tenant may have rules of its own.

    Null keeps `events`, `cases`, `batches` and `held` for ever, and leaves `inputs`, `results` and `prompts` to
    INPAINTD_RETENTION_DAYS.
    """

    inputs: Days | None = None
    results: Days | None = None
    prompts: Days | None = None
    events: Days | None = None
    cases: Days | None = None
    batches: Days | None = None
    held: Days | None = None


class Retention(Strict):
    """Days from the decision on; null keeps for ever. The chain of the record verifies whatever has been erased.

    `prompts` also holds a reviewer's notes; `hashes` the SHA-256 and PDQ of pictures and the ids of marks; `user` the
    end-user's pseudonym; `record` everything else: the action, the rules and signals behind it, and who decided.
    `marks` are not of that record: what the detector knows a result by, and its credentials, from the result on.
    Nor are `jobs`: what is kept of the jobs themselves.
    """

    prompts: Days | None = None
    hashes: Days | None = None
    user: Days | None = None
    record: Days | None = None
    marks: Days | None = None
    jobs: JobRetention = JobRetention()

    @property
    def of_the_record(self) -> dict[str, float | None]:
        """Days by column of the audit record."""
        return self.model_dump(exclude={"marks", "jobs"})
