"""A deployment's moderators at work, without the web: on either database, with objects in a folder."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from producer.moderation.appeals import Appeals
from producer.moderation.care import Care
from producer.moderation.decisions import Decisions
from producer.moderation.measures import Measures
from producer.review import Reviewer
from safety.policy import Policy
from safety.triage import triage
from safety.verdict import Action, Finding, Stage, Verdict
from storage.case import Case, CaseKind
from storage.case_rows import case_row
from storage.case_store import CaseStore
from storage.database import Database
from storage.exposure_store import ExposureStore
from storage.hash_bank_store import HashBankStore
from storage.job import HeldAt, Job, JobState
from storage.job_reader import JobReader
from storage.measure_store import MeasureStore
from storage.moderator_store import Moderator, ModeratorStore, Role
from storage.object_store import LocalObjectStore
from storage.review_store import ReviewStore
from tests.jobs import Desk, new_job, result


def png(seed: int = 0) -> bytes:
    """A picture with enough in it to be known again."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((192, 192), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def mask() -> bytes:
    """White where the picture changes."""
    file = io.BytesIO()
    drawn = Image.new("L", (192, 192))
    drawn.paste(255, (48, 48, 144, 144))
    drawn.save(file, "PNG")
    return file.getvalue()


class Office:
    """Everything that decides, and a tenant whose jobs are held."""

    def __init__(self, database: Database, folder: Path, policy: Policy) -> None:
        self.desk = Desk(database)
        self.database = database
        self.policy = policy
        self.objects = LocalObjectStore(folder)
        self.banks = HashBankStore(database)
        self.jobs = ReviewStore(database)
        self.cases = CaseStore(database)
        self.exposures = ExposureStore(database)
        self.measures = MeasureStore(database)
        self.moderators = ModeratorStore(database)
        self.reader = JobReader(database)
        self.appeals = Appeals(self.reader, self.cases, policy)
        self.decisions = Decisions(
            self.cases,
            self.exposures,
            Care(self.exposures, policy.review.exposure),
            Reviewer(self.jobs, policy),
            Measures(self.jobs, self.banks, self.measures, self.objects, policy),
            policy,
        )

    def moderator(self, name: str, role: Role = Role.REVIEWER) -> Moderator:
        """An account of this name, made if there is none."""
        known = {one.name: one for one in self.moderators.all()}
        return known.get(name) or self.moderators.add(name, role)

    def verdict(self, severity: int = 4, stage: Stage = Stage.REQUEST, action: Action = Action.REVIEW) -> Verdict:
        """One finding that asks for a person."""
        category = {4: "gore", 6: "ncii_nudify"}[severity]
        found = Finding("prompt.some_rule", category, severity, stage, action, "A sentence about it.")
        return Verdict.of(self.policy.label, [found])

    def held_request(self, severity: int = 4) -> Job:
        """A job that waits for a word on its request, with its case."""
        verdict = self.verdict(severity)
        waits: dict[str, Any] = {"state": JobState.HELD, "held_at": HeldAt.REQUEST, "safety": verdict.audit_dict()}
        new = new_job(self.desk.tenant_id, **waits)
        row = case_row(new, CaseKind.HELD, held_at=HeldAt.REQUEST, **triage(verdict, "held", self.policy).as_dict())
        self.objects.put(new.image_key, png(), "image/png")
        self.objects.put(str(new.mask_key), mask(), "image/png")
        return self.desk.submit(id=new.id, also=(row,), **waits)

    def held_result(self) -> Job:
        """A job whose result lies in quarantine, with its case."""
        job = self.desk.submit()
        running = self.desk.claim_one()
        verdict = self.verdict(stage=Stage.RESULT)
        row = case_row(running, CaseKind.HELD, held_at=HeldAt.RESULT, **triage(verdict, "held", self.policy).as_dict())
        made = result(running)
        self.objects.put(running.image_key, png(1), "image/png")
        self.objects.put(str(running.mask_key), mask(), "image/png")
        self.objects.put(made.images[0].key, png(2), "image/png")
        held = type(made)(made.images, made.receipt, verdict.audit_dict(), made.model)
        assert self.desk.jobs.hold_result(running, held, [row])
        return self.jobs.get(job.id)

    def given(self, moderator: Moderator) -> Case:
        """The next case, which must be there."""
        case = self.decisions.next(moderator).case
        assert case is not None
        return case
