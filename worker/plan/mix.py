"""What the jobs of a load ask for, and arrivals drawn from it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from worker.errors import PlanImpossible

MAX_STEPS, MAX_IMAGES = 150, 8  # as of storage.params.InpaintParams


class Kind(BaseModel):
    """Jobs of one kind: `share` of all jobs, relative to the other kinds' shares.

    `steps` lie evenly between two bounds, `guided` is the part of them with guidance, which takes two rows an image.
    A job that is not done after `deadline_seconds` expires.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(gt=0, allow_inf_nan=False)
    steps: tuple[int, int] = (30, 30)
    guided: float = Field(default=1.0, ge=0, le=1)
    images: int = Field(default=1, ge=1, le=MAX_IMAGES)
    deadline_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _steps_are_bounds(self) -> Kind:
        if not 1 <= self.steps[0] <= self.steps[1] <= MAX_STEPS:
            raise ValueError(f"steps must be two numbers from 1 to {MAX_STEPS}, the smaller first")
        return self


class Mix(BaseModel):
    """The kinds of jobs of a load, and how many may wait for each GPU before more are refused (None: any number)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: tuple[Kind, ...] = Field(min_length=1)
    max_waiting: int | None = Field(default=None, ge=1)

    @classmethod
    def read(cls, path: Path) -> Mix:
        """The mix in a JSON file. Raises PlanImpossible, which names the file and the first field at fault."""
        try:
            return cls.model_validate(json.loads(path.read_text("utf-8")))
        except OSError as problem:
            raise PlanImpossible(f"{path} cannot be read: {problem.strerror}; name a file.") from problem
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise PlanImpossible(f"{path}: {where}: {first['msg']}.") from problem
        except ValueError as problem:
            raise PlanImpossible(f"{path} holds no JSON: {problem}.") from problem

    @property
    def images(self) -> float:
        """Images a job, on average."""
        return sum(kind.share * kind.images for kind in self.jobs) / sum(kind.share for kind in self.jobs)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job and the second at which it comes."""

    at: float
    steps: int
    guided: bool
    images: int
    deadline_seconds: float | None


def arrivals(mix: Mix, rate: float, count: int, seed: int) -> Sequence[Arrival]:
    """`count` Poisson arrivals at `rate` a second. Another rate brings the same jobs, nearer or further apart."""
    rng = random.Random(seed)  # noqa: S311  (traffic, not a secret)
    drawn, at, shares = [], 0.0, [kind.share for kind in mix.jobs]
    for _ in range(count):
        at += rng.expovariate(1.0) / rate
        (kind,) = rng.choices(mix.jobs, shares)
        steps = rng.randint(*kind.steps)
        drawn.append(Arrival(at, steps, rng.random() < kind.guided, kind.images, kind.deadline_seconds))
    return drawn
