"""Which of our models a foreign name stands for."""

from __future__ import annotations

from collections.abc import Mapping

from producer.errors import Refusal
from storage.aliases import DEFAULT
from storage.models import ModelDescriptor

OWNER = "inpaintd"

# Inpainting models that programs on Replicate and fal name; `default` paints for them.
STOOD_IN_FOR = frozenset(
    {
        "stability-ai/stable-diffusion-inpainting",
        "fal-ai/inpaint",
        "fal-ai/fast-sdxl/inpainting",
    }
)


def alias_of(name: str, models: Mapping[str, ModelDescriptor]) -> str:
    """The alias for a name such as owner/name: an alias of any owner, a model's own name, or one that is stood in for.

    Raises Refusal `model_unknown`.
    """
    owner, _, rest = name.partition("/")
    for alias, model in models.items():
        if name in (alias, model.name, f"{OWNER}/{alias}") or (rest == alias and owner):
            return alias
    if name in STOOD_IN_FOR:
        return DEFAULT
    known = ", ".join(f"{OWNER}/{alias}" for alias in sorted(models))
    raise Refusal.of_field("model", "model_unknown", f"There is no model {name[:100]!r} here; use one of: {known}.")
