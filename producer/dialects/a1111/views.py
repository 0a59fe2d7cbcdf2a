"""What the web UI's clients read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from producer.api.views import shown_images
from producer.dialects.a1111.samplers import shown_as
from producer.dialects.links import images_base64
from producer.services import Services
from storage.job import Job
from storage.models import ModelDescriptor


def result_view(services: Services, job: Job) -> dict[str, Any]:
    """The body for a succeeded job: bare base64, and `info` as JSON in a text. Raises Refusal `image_gone`."""
    info = json.dumps(_info(job))
    return {"images": images_base64(services, job), "parameters": job.params.model_dump(mode="json"), "info": info}


def progress_view(jobs: Sequence[Job]) -> dict[str, Any]:
    """How far the caller's running jobs are, taken together; nobody else's."""
    steps, step = sum(job.steps for job in jobs), sum(job.step for job in jobs)
    state = {
        "skipped": False,
        "interrupted": any(job.cancel_requested for job in jobs),
        "job": jobs[0].id if jobs else "",
        "job_count": len(jobs),
        "job_no": 0,
        "sampling_step": jobs[0].step if jobs else 0,
        "sampling_steps": jobs[0].steps if jobs else 0,
    }
    share = step / steps if steps else 0.0
    return {"progress": share, "eta_relative": 0.0, "state": state, "current_image": None, "textinfo": None}


def model_list(models: Mapping[str, ModelDescriptor]) -> list[dict[str, Any]]:
    """As GET /sd-models answers; `title` goes into `override_settings.sd_model_checkpoint`."""
    return [
        {"title": alias, "model_name": model.name, "hash": None, "sha256": None, "filename": "", "config": None}
        for alias, model in sorted(models.items())
    ]


def _info(job: Job) -> dict[str, Any]:
    params, images = job.params, shown_images(job)
    seeds = [image.seed for image in images]
    return {
        "job_id": job.id,
        "prompt": params.prompt,
        "all_prompts": [params.prompt] * len(seeds),
        "negative_prompt": params.negative_prompt,
        "all_negative_prompts": [params.negative_prompt] * len(seeds),
        "seed": seeds[0],
        "all_seeds": seeds,
        "width": images[0].width,
        "height": images[0].height,
        "sampler_name": shown_as(params.scheduler),
        "cfg_scale": params.guidance_scale,
        "steps": params.steps,
        "batch_size": len(seeds),
        "denoising_strength": params.strength,
        "sd_model_name": job.model["name"],
        "sd_model_hash": job.model["sha256"],
        "index_of_first_image": 0,
        "extra_generation_params": {"Working size": f"{params.width}x{params.height}", "Mask blur": params.mask_blur},
        "infotexts": [_infotext(job, seed) for seed in seeds],
    }


def _infotext(job: Job, seed: int) -> str:
    params = job.params
    negative = f"\nNegative prompt: {params.negative_prompt}" if params.negative_prompt else ""
    image = shown_images(job)[0]
    size = f"{image.width}x{image.height}"
    return (
        f"{params.prompt}{negative}\nSteps: {params.steps}, Sampler: {shown_as(params.scheduler)}, "
        f"CFG scale: {params.guidance_scale}, Seed: {seed}, Size: {size}, Model: {job.model['name']}, "
        f"Denoising strength: {params.strength}, Mask blur: {params.mask_blur}"
    )
