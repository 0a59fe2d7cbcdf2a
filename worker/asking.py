"""From a job to what the engine is asked for."""

from __future__ import annotations

from collections.abc import Callable

from storage.job import Job
from worker.engine.request import InpaintRequest
from worker.images.prepare import Prepared
from worker.preview import JobPreviews


def request_id(job: Job, index: int) -> str:
    """The engine's name of image `index` of this attempt."""
    return f"{job.id}.{job.attempt}.{index}"


def request_of(
    job: Job, prepared: Prepared, index: int, on_step: Callable[[int], None], previews: JobPreviews | None
) -> InpaintRequest:
    """What the engine paints for image `index` of `job`; `on_step` hears of each finished step, from 1."""
    params = job.params
    return InpaintRequest(
        id=request_id(job, index),
        image=prepared.image,
        mask=prepared.mask,
        prompt=params.prompt,
        negative_prompt=params.negative_prompt,
        long_prompt=params.long_prompt,
        steps=params.steps,
        strength=params.strength,
        guidance_scale=params.guidance_scale,
        scheduler=params.scheduler,
        eta=params.eta,
        clip_skip=params.clip_skip,
        seed=params.image_seed(index),
        model=params.model,
        prompt_syntax=params.prompt_syntax,
        masked_content=params.masked_content,
        on_step=lambda step, _: on_step(step),
        previews=previews,
    )
