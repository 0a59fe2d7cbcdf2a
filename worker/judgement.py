"""What is found out about one job's pictures, and what follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from PIL import Image

from safety.behavior import INPUT, RESULT, charge
from safety.checks import check_input, check_result
from safety.evidence import Submission
from safety.hashes import pdq
from safety.marking import unmarked_findings
from safety.triage import triage
from safety.verdict import Action, Verdict
from storage.also import Row
from storage.audit import Decision, Output, Pictures, PolicyId, Print, Stage
from storage.audit_rows import audit_row
from storage.case import CaseKind
from storage.case_rows import case_row
from storage.job import HeldAt, Job
from storage.masks import Inputs
from storage.metrics import VERDICTS
from storage.strike_store import strike_row
from worker.images.compose import Composite
from worker.marking import MarkedImage, Source
from worker.tools import Tools


class Judgement:
    """The verdict on a job as it grows: on the prompt at submit, on the input, on the results.

    It also gathers the evidence of this attempt for the audit record: the picture as it was sent, the mask as it is
    applied, each result as it leaves or, where it was blocked, as it was made.
    """

    def __init__(self, job: Job, tools: Tools) -> None:
        self._job = job
        self._policy = tools.policy
        self._sources = tools.sources_of(job.params.model)
        self._verdict = Verdict.from_dict(job.safety)
        self._waived = self._verdict.waived
        self._stage = Stage.INPUT
        self._attempt: list[Verdict] = []
        self._input: Print | None = None
        self._mask: Print | None = None
        self._outputs: tuple[Output, ...] = ()
        self._strikes: tuple[Row, ...] = ()

    @property
    def spotless(self) -> bool:
        """Whether nothing so far asks for so much as a label, and nobody had to let it pass."""
        return self._verdict.action is Action.ALLOW and not self._verdict.waived

    @property
    def record(self) -> dict[str, Any]:
        """All that was found so far, as the job keeps it."""
        return self._verdict.audit_dict()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The record of what this attempt decided, the strike for it or the case that it makes.

        To be written with the move that follows.
        """
        return (self._audit(), *self._strikes, *self._case())

    def _case(self) -> tuple[Row, ...]:
        verdict = Verdict.merge(*self._attempt)
        if verdict.action is not Action.REVIEW:
            return ()
        held_at = HeldAt.REQUEST if self._stage is Stage.INPUT else HeldAt.RESULT
        where = triage(verdict, "held", self._policy)
        return (case_row(self._job, CaseKind.HELD, held_at=held_at, **where.as_dict()),)

    def _audit(self) -> Row:
        verdict, policy = Verdict.merge(*self._attempt).audit_dict(), self._policy
        rules = PolicyId(policy.name, policy.version, policy.sha256)
        pictures = Pictures(self._input, self._mask, self._outputs)
        decision = Decision.of_verdict(self._stage, rules, verdict, pictures=pictures, user=self._job.user)
        return audit_row(self._job.id, decision)

    def on_input(self, inputs: Inputs, source: Source) -> Action:
        """Judges the caller's picture, its file and its mask. What cannot be checked goes to a person."""
        image, mask = Image.fromarray(inputs.image.rgb), Image.fromarray(inputs.mask)
        self._input, self._mask = _print(source.data, image), _print(inputs.mask.tobytes(), mask)
        sent = Submission(
            image,
            mask,
            source.data,
            inputs.image.content_type,
            self._job.params.prompt,
            self._verdict.findings,
            source.own_mark,
        )
        return self._add(check_input(sent, self._policy, self._sources), INPUT)

    def on_results(self, composites: Sequence[Composite], inputs: Inputs) -> Action:
        """Judges each composite beside the picture that it was made from; the strictest judgement holds for all."""
        self._stage = Stage.RESULT
        self._outputs = tuple(Output(_print(made.image.tobytes(), made.image)) for made in composites)
        before = Image.fromarray(inputs.image.rgb)
        verdicts = [check_result(made.image, made.region, self._policy, self._sources, before) for made in composites]
        unmarked = unmarked_findings(self._policy, composites[0].image.size, composites[0].region)
        return self._add(Verdict.merge(Verdict.of(self._policy.label, unmarked), *verdicts), RESULT)

    def on_marked(self, marked: Sequence[MarkedImage]) -> None:
        """Notes the files that the results, in their order, became."""
        self._outputs = tuple(map(_output, self._outputs, marked))

    def _add(self, found: Verdict, cause: str) -> Action:
        # What a person has let pass does not hold the job a second time.
        verdict = found.waiving(self._waived)
        VERDICTS.labels(self._stage, verdict.action).inc()
        self._attempt.append(verdict)
        self._verdict = Verdict.merge(self._verdict, verdict)
        charged = charge(verdict, self._policy.behavior) if verdict.action is Action.BLOCK else None
        if charged is not None:
            self._strikes = (strike_row(self._job, cause, **asdict(charged)),)
        return verdict.action


def _output(made: Output, file: MarkedImage) -> Output:
    # The mark hardly moves a perceptual hash: that of the composite serves for the file.
    picture = Print(hashlib.sha256(file.data).hexdigest(), made.picture.pdq, made.picture.quality)
    return Output(picture, file.watermark_id, file.key_id, hashlib.sha256(file.manifest).hexdigest())


def _print(data: bytes, image: Image.Image) -> Print:
    found = pdq(image)
    return Print(hashlib.sha256(data).hexdigest(), found.hex, found.quality)
