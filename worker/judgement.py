"""What is found out about one job's pictures, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from safety.checks import check_input, check_result
from safety.verdict import Action, Verdict
from storage.job import Job
from storage.masks import Inputs
from worker.images.compose import Composite
from worker.tools import Tools


class Judgement:
    """The verdict on a job as it grows: on the prompt at submit, on the input, on the results."""

    def __init__(self, job: Job, tools: Tools) -> None:
        self._policy = tools.policy
        self._classifiers = tools.models[job.params.model].classifiers
        self._verdict = Verdict.from_dict(job.safety)

    @property
    def spotless(self) -> bool:
        """Whether nothing so far asks for so much as a label."""
        return self._verdict.action is Action.ALLOW

    @property
    def record(self) -> dict[str, Any]:
        """All that was found so far, as the job keeps it."""
        return self._verdict.audit_dict()

    def on_input(self, inputs: Inputs) -> Action:
        """Judges the caller's picture and mask. Never raises: what cannot be checked goes to a person."""
        image, mask = Image.fromarray(inputs.image.rgb), Image.fromarray(inputs.mask)
        return self._add(check_input(image, mask, self._policy, self._classifiers))

    def on_results(self, composites: Sequence[Composite]) -> Action:
        """Judges each composite; the strictest judgement holds for all."""
        verdicts = [check_result(made.image, made.region, self._policy, self._classifiers) for made in composites]
        return self._add(Verdict.merge(*verdicts))

    def _add(self, verdict: Verdict) -> Action:
        self._verdict = Verdict.merge(self._verdict, verdict)
        return verdict.action
