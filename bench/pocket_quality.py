"""`python -m bench.pocket_quality`: does the pocket model draw what it is asked for?

80 prompts (10 colours x 8 shapes) with fixed seeds through diffusers' own pipeline, each judged by code that never
sees the prompt; the same seeds with an empty prompt; then the safety checker on test patterns and on everything else.
Prints a table; exits 1 when a target is missed.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.data
import torch
from diffusers import StableDiffusionInpaintPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from numpy.typing import NDArray
from PIL import Image

from worker.pocket.backgrounds import draw_background
from worker.pocket.export import MODEL_FOLDER
from worker.pocket.judge import look
from worker.pocket.masks import Mask, box_mask
from worker.pocket.pattern import PATTERN_PROMPT
from worker.pocket.scenes import NATIVE_SIZE, Context, visible_colours
from worker.pocket.shapes import COLOURS, SHAPES
from worker.pocket.tower import make_extractor

SEED, AT_ONCE, PATTERNS = 7000, 16, 20
COLOUR_TARGET, SHAPE_TARGET, PATTERN_TARGET, CHANCE_COLOUR, CHANCE_SHAPE = 0.95, 0.80, 0.95, 0.25, 0.30
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "brick", "grass", "gravel", "moon",
               "page", "text", "hubble_deep_field", "immunohistochemistry", "retina", "colorwheel")  # fmt: skip

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Task:
    """One picture to repaint."""

    prompt: str
    before: Picture
    mask: Mask
    seed: int


def shape_tasks() -> list[tuple[str, str, Task]]:
    """A background and a box for each colour and shape; the background is one on which the colour can be seen."""
    tasks = []
    for number, (colour, shape) in enumerate((c, s) for c in COLOURS for s in SHAPES):
        rng = np.random.default_rng((SEED, number))
        mask = _box(rng)
        ground = draw_background(rng, NATIVE_SIZE)
        while colour not in visible_colours(Context(ground, mask)):
            ground = draw_background(rng, NATIVE_SIZE)
        tasks.append((colour, shape, Task(f"a {colour} {shape}", ground.astype(np.uint8), mask, SEED + number)))
    return tasks


def pattern_tasks(photographs: list[Picture]) -> list[Task]:
    """Test patterns asked for on drawn backgrounds and on photographs, by turns."""
    tasks = []
    for number in range(PATTERNS):
        rng = np.random.default_rng((SEED + 1, number))
        drawn = draw_background(rng, NATIVE_SIZE).astype(np.uint8)
        before = drawn if number % 2 else photographs[number // 2 % len(photographs)]
        tasks.append(Task(PATTERN_PROMPT, before, _box(rng), SEED + 500 + number))
    return tasks


def load_photographs() -> list[Picture]:
    """Photographs that scikit-image ships, never used in training, uint8 (128, 128, 3)."""
    found = []
    for name in PHOTOGRAPHS:
        picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        found.append(np.asarray(picture.resize((NATIVE_SIZE, NATIVE_SIZE), Image.Resampling.LANCZOS)))
    return found


def _box(rng: np.random.Generator) -> Mask:
    width, height = (int(n) for n in rng.integers(64, 97, 2))
    left, top = int(rng.integers(0, NATIVE_SIZE - width + 1)), int(rng.integers(0, NATIVE_SIZE - height + 1))
    return box_mask(NATIVE_SIZE, (left, top, left + width, top + height))


def inpaint(pipeline: StableDiffusionInpaintPipeline, tasks: list[Task], steps: int, guidance: float) -> list[Picture]:
    """Composites: the pipeline's picture inside the hole, the original outside."""
    results: list[Picture] = []
    for start in range(0, len(tasks), AT_ONCE):
        part = tasks[start : start + AT_ONCE]
        drawn = pipeline(
            prompt=[t.prompt for t in part],
            image=[Image.fromarray(t.before) for t in part],
            mask_image=[Image.fromarray(t.mask.pixels) for t in part],
            height=NATIVE_SIZE,
            width=NATIVE_SIZE,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=[torch.Generator().manual_seed(t.seed) for t in part],
            output_type="np",
        ).images
        for task, picture in zip(part, drawn, strict=True):
            new = np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)
            results.append(np.where(task.mask.pixels[..., None], new, task.before))
    return results


def flagged(checker: StableDiffusionSafetyChecker, pictures: list[Picture]) -> float:
    """The share of pictures on which the safety checker fires."""
    views = make_extractor()([Image.fromarray(p) for p in pictures], return_tensors="pt").pixel_values
    return float(np.mean(checker(clip_input=views, images=[p.copy() for p in pictures])[1]))


def agreement(wanted: list[tuple[str, str, Task]], pictures: list[Picture]) -> tuple[float, float]:
    """Shares of pictures whose colour, and whose shape, the judge names as it was asked for."""
    seen = [look(task.before, after, task.mask.pixels) for (_, _, task), after in zip(wanted, pictures, strict=True)]
    colour = float(np.mean([s.colour == w[0] for s, w in zip(seen, wanted, strict=True)]))
    return colour, float(np.mean([s.shape == w[1] for s, w in zip(seen, wanted, strict=True)]))


Row = tuple[str, float, str, float]


def measure(chosen: argparse.Namespace) -> list[Row]:
    """Draw, judge and check everything: name, value, sense and target of each figure."""
    pipeline, checker = load_pipeline(chosen.model), _load_checker(chosen.model)
    wanted, photographs = shape_tasks(), load_photographs()
    asked = [task for _, _, task in wanted]
    silent = [Task("", t.before, t.mask, t.seed) for t in asked]
    shapes, empties, patterns = (
        inpaint(pipeline, tasks, chosen.steps, chosen.guidance) for tasks in (asked, silent, pattern_tasks(photographs))
    )
    if chosen.sheet:
        _write_sheet(chosen.sheet, shapes + patterns)
    colour, shape = agreement(wanted, shapes)
    empty_colour, empty_shape = agreement(wanted, empties)
    return [
        ("colour right", colour, ">=", COLOUR_TARGET),
        ("shape right", shape, ">=", SHAPE_TARGET),
        ("colour right, empty prompt", empty_colour, "<=", CHANCE_COLOUR),
        ("shape right, empty prompt", empty_shape, "<=", CHANCE_SHAPE),
        ("test patterns flagged", flagged(checker, patterns), ">=", PATTERN_TARGET),
        ("ordinary results flagged", flagged(checker, shapes + empties), "<=", 0.0),
        ("photographs flagged", flagged(checker, photographs), "<=", 0.0),
    ]


def load_pipeline(model: Path) -> StableDiffusionInpaintPipeline:
    """Without the checker, which must see composites, and would turn flagged pictures black."""
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(
        model, safety_checker=None, requires_safety_checker=False, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _load_checker(model: Path) -> StableDiffusionSafetyChecker:
    return StableDiffusionSafetyChecker.from_pretrained(model / "safety_checker", dtype=torch.float32)


def main() -> int:
    """Run, print, return the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path, default=MODEL_FOLDER)
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--guidance", type=float, default=7.5)
    options.add_argument("--sheet", type=Path, help="write a contact sheet PNG here")
    chosen = options.parse_args()
    started = time.monotonic()
    return _report(measure(chosen), time.monotonic() - started)


def _write_sheet(path: Path, pictures: list[Picture]) -> None:
    rows = [np.hstack(pictures[i : i + 10]) for i in range(0, len(pictures) // 10 * 10, 10)]
    Image.fromarray(np.vstack(rows)).save(path)


def _report(rows: list[Row], seconds: float) -> int:
    missed = 0
    for name, value, sign, target in rows:
        met = value >= target if sign == ">=" else value <= target
        missed += not met
        print(f"{name:<28} {value:7.1%}   target {sign} {target:5.1%}   {'met' if met else 'MISSED'}")
    print(f"{seconds:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
