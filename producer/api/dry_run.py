"""What POST /v1/jobs?dry_run=true answers: the job as it would stand after submit, and what it would do."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field

from producer.api.views import JobView, job_view
from producer.errors import Refusal
from producer.order import Order
from producer.prompt_counter import count_prompts
from producer.services import Services
from producer.submit import Rehearsal
from storage.crop import crop
from storage.errors import PromptTooLong
from storage.masks import check_inputs
from storage.pictures import PictureError


class TokenCount(BaseModel):
    """Tokens of one prompt. The model reads them in `chunks` of at most `limit`."""

    tokens: int
    limit: int
    chunks: int
    exact: bool = Field(description="False: estimated, because the model's tokenizer is not on the API's machine.")
    dropped_text: str | None = Field(description="What `long_prompt: truncate` leaves out; null where unknown.")


class TokenCounts(BaseModel):
    """Tokens of both prompts."""

    prompt: TokenCount
    negative_prompt: TokenCount


class Plan(BaseModel):
    """What the job would do. Times are estimates, in seconds from now; null where nothing is known of the model's pace.

    Four of five estimates of the start were off by `start_error_seconds` or less lately; null: none was tried yet.
    """

    crop_box: tuple[int, int, int, int] = Field(description="Left, top, right, bottom of what the model would see.")
    tokens: TokenCounts
    unet_rows: int = Field(description="The cost: denoising steps x images, twice that with guidance.")
    start_seconds: float | None
    start_error_seconds: float | None
    finish_seconds: float | None


class DryRunView(JobView):
    """The job as it would stand after submit, but that it does not exist: it has no `id` and no `links`."""

    model_config = ConfigDict(json_schema_extra={})

    # Narrower than the job's on purpose: an id that nothing answers to would be taken for one.
    id: None = None  # type: ignore[assignment]
    links: None = None  # type: ignore[assignment]
    plan: Plan


def dry_run(services: Services, tenant_id: str, order: Order) -> DryRunView:
    """Rehearses `order`. Raises what a submit raises, and Refusal for what a worker would find out later."""
    rehearsal = services.submitter.rehearse(tenant_id, order, services.outlook)
    view = job_view(rehearsal.job, rehearsal.ahead).model_dump(exclude={"id", "links"})
    return DryRunView(**view, plan=_plan(services, rehearsal))


def _plan(services: Services, rehearsal: Rehearsal) -> Plan:
    params, ahead = rehearsal.job.params, rehearsal.ahead
    start = None if ahead is None else ahead.eta_seconds
    run = None if ahead is None else ahead.run_seconds
    return Plan(
        crop_box=_crop_box(services, rehearsal),
        tokens=_tokens(rehearsal),
        unet_rows=params.unet_rows,
        start_seconds=start,
        start_error_seconds=None if ahead is None else ahead.eta_error_seconds,
        finish_seconds=None if start is None or run is None else round(start + run, 1),
    )


def _crop_box(services: Services, rehearsal: Rehearsal) -> tuple[int, int, int, int]:
    image, mask = rehearsal.inputs.image.read(), rehearsal.inputs.mask
    params, limit = rehearsal.job.params, services.settings.max_pixels
    checked = check_inputs(image, None if mask is None else mask.read(), params, max_pixels=limit)
    try:
        return crop(checked.mask, params).box
    except PictureError as error:
        raise Refusal.of_field("mask_grow", error.code, error.message) from None


def _tokens(rehearsal: Rehearsal) -> TokenCounts:
    try:
        counts = count_prompts(rehearsal.job.params, rehearsal.model)
    except PromptTooLong as error:
        raise Refusal.of_field(error.field, "prompt_too_long", f"{error}") from None
    return TokenCounts(**{field: TokenCount(**asdict(count)) for field, count in counts.items()})
