"""What a mask covers: faces, the bodies below them, print, marks in the margin; and what appears in a result."""

from collections.abc import Mapping

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from safety.checks import check_input
from safety.evidence import APPEARED, COMPOSITE, INPUT, Box, Evidence, SignalSource, Submission
from safety.faces import FaceSource
from safety.regions import body_below, covered
from safety.text_areas import TextSource, text_like
from safety.verdict import Action
from tests.calm import calm_sources
from tests.packaged import POLICY

FACE = (177, 66, 272, 161)
"""Where the astronaut's face is."""
FACES = FaceSource()


def photograph(name: str = "astronaut") -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def masked(image: Image.Image, box: Box | None) -> Submission:
    mask = Image.new("L", image.size)
    if box is not None:
        mask.paste(255, box)
    return Submission(image, mask)


def of_input(source: SignalSource, image: Image.Image, box: Box | None) -> Mapping[str, float]:
    (scores,) = source.measure(Evidence({INPUT: image}, masked(image, box))).values()
    return scores


def signed(image: Image.Image, text: str = "(c) Studio 22") -> tuple[Image.Image, Box]:
    """With a mark in the lower right corner, and a box tightly around it."""
    marked, font = image.copy(), ImageFont.load_default(20)
    at = (image.width - 150, image.height - 34)
    ImageDraw.Draw(marked).text(at, text, font=font, fill="white")
    left, top, right, bottom = ImageDraw.Draw(marked).textbbox(at, text, font=font)
    return marked, (int(left) - 6, int(top) - 5, int(right) + 6, int(bottom) + 5)


def test_a_face_is_found_and_its_share_under_the_mask_told() -> None:
    image = photograph()
    whole, half = of_input(FACES, image, FACE), of_input(FACES, image, (0, 0, 225, 512))
    assert (whole["count"], of_input(FACES, image, None)["mask_overlap"]) == (1.0, 0.0)
    assert whole["mask_overlap"] > 0.85
    assert 0.35 < half["mask_overlap"] < 0.65


def test_the_body_is_expected_below_the_face() -> None:
    image = photograph()
    clothes, sky = of_input(FACES, image, (60, 190, 400, 512)), of_input(FACES, image, (0, 0, 100, 60))
    assert clothes["mask_overlap"] == 0.0
    assert clothes["body_overlap"] > 0.5
    assert (sky["mask_overlap"], sky["body_overlap"]) == (0.0, 0.0)


def test_larger_pictures_are_measured_in_their_own_pixels() -> None:
    large = photograph().resize((1500, 1500))
    box = tuple(round(edge * 1500 / 512) for edge in FACE)
    assert of_input(FACES, large, box)["mask_overlap"] > 0.85  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["coffee", "cat", "rocket", "brick", "moon"])
def test_where_nobody_is_no_face_is_seen(name: str) -> None:
    image = photograph(name)
    assert of_input(FACES, image, (0, 0, *image.size)) == {"count": 0.0, "mask_overlap": 0.0, "body_overlap": 0.0}


def test_a_face_that_appears_in_the_edited_region_is_counted_and_one_that_was_there_is_not() -> None:
    image = photograph()
    without = image.copy()
    without.paste((90, 90, 90), (150, 40, 300, 190))
    region = (150, 40, 300, 190)

    def appeared(after: Image.Image, before: Image.Image, where: Box) -> float:
        return FACES.measure(Evidence({COMPOSITE: after}, region=where, before=before))[APPEARED]["count"]

    assert appeared(image, without, region) == 1.0
    assert appeared(image, image, region) == 0.0
    assert appeared(without, image, region) == 0.0
    assert appeared(image, without, (300, 300, 400, 400)) == 0.0
    assert APPEARED not in FACES.measure(Evidence({COMPOSITE: image}, region=region))


def test_boxes_end_where_the_picture_ends() -> None:
    assert body_below((90, 0, 110, 20), (100, 60)) == (70, 20, 100, 60)
    assert body_below((0, 40, 30, 60), (100, 60)) is None
    half = np.zeros((10, 10), dtype=np.bool_)
    half[:, :5] = True
    assert covered([(0, 0, 10, 10), (5, 0, 10, 10)], half) == 0.5
    assert covered([], half) == 0.0


@pytest.mark.parametrize("name", ["coffee", "cat", "rocket", "grass", "gravel", "moon"])
def test_photographs_and_textures_hardly_look_like_print(name: str) -> None:
    assert text_like(photograph(name)).mean() < 0.03


@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("#203040", "#e0e0d0")])
def test_a_page_looks_like_print(paper: str, ink: str) -> None:
    page, font = Image.new("RGB", (512, 512), paper), ImageFont.load_default(20)
    for line in range(16):
        ImageDraw.Draw(page).text((20, 12 + 31 * line), "the quick brown fox jumps " * 2, font=font, fill=ink)
    assert text_like(page).mean() > 0.25


@pytest.mark.parametrize("name", ["cat", "rocket", "moon"])
def test_a_mask_over_a_mark_in_a_corner_lies_on_print(name: str) -> None:
    image, box = signed(photograph(name))
    over = of_input(TextSource(), image, box)
    aside = of_input(TextSource(), image, (10, 100, 100, 200))
    assert over["margin_share"] > 0.25
    assert over["mask_overlap"] > 0.3
    assert aside["margin_share"] < 0.1


def test_print_in_the_middle_is_no_mark_in_the_margin() -> None:
    image = photograph("cat")
    ImageDraw.Draw(image).text((150, 140), "(c) Studio 22", font=ImageFont.load_default(20), fill="white")
    over = of_input(TextSource(), image, (145, 138, 285, 166))
    assert over["mask_share"] > 0.25
    assert over["margin_share"] == 0.0


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3)])
def test_pictures_of_any_shape_are_measured(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "teal")
    assert of_input(TextSource(), image, (0, 0, *size))["area"] == 0.0
    assert of_input(FACES, image, (0, 0, *size))["count"] == 0.0


@pytest.mark.parametrize(
    ("prompt", "action"),
    [("remove the text", Action.REVIEW), ("", Action.REVIEW), ("a red ball on the grass", Action.ALLOW)],
)
def test_to_remove_a_mark_in_the_corner_waits_for_a_person(prompt: str, action: Action) -> None:
    image, box = signed(photograph("cat"))
    sent = masked(image, box)
    verdict = check_input(Submission(sent.image, sent.mask, prompt=prompt), POLICY, watchful())
    assert verdict.action is action


@pytest.mark.parametrize(
    ("box", "prompt", "rule"),
    [
        (FACE, "a friendly smile", None),
        (FACE, "the prime minister", "input.face_and_public_figure"),
        ((60, 190, 400, 512), "an elegant blue suit", None),
        (
            (60, 190, 400, 512),
            "remove, as we agreed on with our customer, this outfit",
            "input.body_and_garments",
        ),
        ((0, 0, 100, 60), "remove the flag", None),
        ((0, 0, 100, 60), "", None),
    ],
)
def test_a_face_is_judged_together_with_what_is_asked_for(box: Box, prompt: str, rule: str | None) -> None:
    sent = masked(photograph(), box)
    verdict = check_input(Submission(sent.image, sent.mask, prompt=prompt), POLICY, watchful())
    assert [finding.rule for finding in verdict.findings] == ([rule] if rule else [])


def watchful() -> list[SignalSource]:
    """Faces and print are looked at; the other sources see nothing."""
    seen: list[SignalSource] = [FACES, TextSource()]
    return [*seen, *(source for source in calm_sources(POLICY) if source.name not in ("faces", "text"))]
