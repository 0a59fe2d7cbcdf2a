from collections.abc import Iterator

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor

from safety.classifiers import ConceptClassifier

PROCESSOR = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def _checker(seed: int, dtype: torch.dtype = torch.float32) -> StableDiffusionSafetyChecker:
    """The real class with random weights, and thresholds close enough to the cosines that both outcomes occur."""
    torch.manual_seed(seed)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(text_config=small, vision_config=small | {"image_size": 32, "patch_size": 8}, projection_dim=16)
    checker = StableDiffusionSafetyChecker(config).eval()
    for embeds in (checker.concept_embeds, checker.special_care_embeds):
        embeds.data = torch.randn_like(embeds)
    checker.concept_embeds_weights.data = 0.35 + 0.3 * torch.rand(17)
    checker.special_care_embeds_weights.data = 0.1 + 0.3 * torch.rand(3)
    return checker.to(dtype)


def _images(count: int) -> Iterator[Image.Image]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        yield Image.fromarray(coarse).resize((48, 40), Image.Resampling.BILINEAR)


def _official(checker: StableDiffusionSafetyChecker, image: Image.Image) -> bool:
    pixels = PROCESSOR(images=image, return_tensors="pt").pixel_values.to(checker.dtype)
    _, flagged = checker(clip_input=pixels, images=np.zeros((1, 2, 2, 3)))
    return bool(flagged[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_decides_as_the_checker_of_diffusers_does(dtype: torch.dtype) -> None:
    outcomes = []
    for seed in range(4):
        checker = _checker(seed, dtype)
        images = list(_images(3))
        scores = ConceptClassifier(checker, PROCESSOR, "1").scores(images)
        ours = [any(s > 0 for name, s in of.items() if name.startswith("concept_")) for of in scores]
        assert ours == [_official(checker, image) for image in images]
        outcomes += ours
    assert {True, False} == set(outcomes)


def test_a_special_care_concept_lowers_the_bar_for_what_follows() -> None:
    checker = _checker(3)
    image = next(_images(1))
    checker.special_care_embeds_weights.data = torch.full((3,), 2.0)
    before = ConceptClassifier(checker, PROCESSOR, "1").scores([image])[0]
    checker.special_care_embeds_weights.data[1] = -2.0
    after = ConceptClassifier(checker, PROCESSOR, "1").scores([image])[0]
    raised = {name: round(after[name] - before[name], 3) for name in before if name != "special_1"}
    assert raised.pop("special_0") == 0
    assert set(raised.values()) == {0.01}


def test_an_image_is_judged_alone() -> None:
    classifier = ConceptClassifier(_checker(0), PROCESSOR, "1")
    first, second = _images(2)
    assert classifier.scores([first, second]) == classifier.scores([first]) + classifier.scores([second])


def test_alpha_and_grey_are_read_as_color() -> None:
    classifier = ConceptClassifier(_checker(0), PROCESSOR, "1")
    image = next(_images(1))
    assert classifier.scores([image.convert("RGBA")]) == classifier.scores([image])
    assert len(classifier.scores([image.convert("L")])[0]) == 20


def test_concepts_go_by_the_names_they_are_given() -> None:
    names = ["test_pattern", *(f"c{k}" for k in range(16))]
    scores = ConceptClassifier(_checker(0), PROCESSOR, "1", names, ["special_a", "special_b", "special_c"])
    named = scores.scores(list(_images(1)))[0]
    assert list(named) == ["special_a", "special_b", "special_c", *names]


@pytest.mark.parametrize(("concepts", "specials"), [(["one"], None), (None, ["a", "b", "c"]), (["x"] * 17, None)])
def test_names_that_do_not_fit_are_refused(concepts: list[str] | None, specials: list[str] | None) -> None:
    with pytest.raises(ValueError, match="concepts"):
        ConceptClassifier(_checker(0), PROCESSOR, "1", concepts, specials)


def test_broken_weights_do_not_look_clean() -> None:
    checker = _checker(0)
    checker.visual_projection.weight.data.fill_(float("nan"))
    scores = ConceptClassifier(checker, PROCESSOR, "1").scores(list(_images(1)))[0]
    assert all(np.isnan(score) for score in scores.values())
