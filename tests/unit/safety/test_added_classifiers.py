"""Classifiers that an operator adds: real small models from folders, and a real HTTP server."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
)

from safety.errors import ClassifierError
from safety.http_classifier import LONGEST_ANSWER, HttpClassifier
from safety.model_classifiers import open_classifier
from worker.pocket.tokenizer import load_tokenizer

TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
LABELS = {0: "cat", 1: "dog", 2: "gun"}
NAMED = {"id2label": LABELS, "label2id": {name: number for number, name in LABELS.items()}}
TEXTS = {"red": ["a red circle", "red"], "ordinary": ["a blue square"]}
POCKET = Path(__file__).parents[3] / "worker/pocket/model/tokenizer"


def pictures(count: int = 2) -> list[Image.Image]:
    rng = np.random.default_rng(5)
    return [Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)) for _ in range(count)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(1)


def labeler(folder: Path, **changes: object) -> ViTForImageClassification:
    config = ViTConfig(**TINY, image_size=16, patch_size=8, **NAMED, **changes)
    model = ViTForImageClassification(config).eval()
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return model


def clip(folder: Path) -> CLIPModel:
    tokenizer = load_tokenizer(POCKET)
    vision = TINY | {"image_size": 16, "patch_size": 8}
    text = TINY | {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "max_position_embeddings": 20}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    sizes = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    CLIPImageProcessor(**sizes).save_pretrained(folder)
    return model


def detector(folder: Path) -> YolosForObjectDetection:
    config = YolosConfig(**TINY, image_size=[16, 16], patch_size=8, num_detection_tokens=20, **NAMED)
    model = YolosForObjectDetection(config).eval()
    model.save_pretrained(folder)
    YolosImageProcessor(size={"height": 16, "width": 16}, do_pad=False).save_pretrained(folder)
    return model


def test_a_classifier_of_images_gives_the_probability_of_each_label(tmp_path: Path) -> None:
    labeler(tmp_path)
    classifier = open_classifier("house", tmp_path, "cpu", {})
    together, alone = classifier.scores(pictures()), classifier.scores(pictures()[1:])
    assert [set(scores) for scores in together] == [set(LABELS.values())] * 2
    assert sum(together[0].values()) == pytest.approx(1)
    assert together[0] != together[1]
    assert together[1] == pytest.approx(alone[0])
    assert (classifier.name, classifier.version.split("@")[0]) == ("house", tmp_path.name)


def test_labels_that_were_trained_apart_are_scored_apart(tmp_path: Path) -> None:
    model = labeler(tmp_path, problem_type="multi_label_classification")
    model.classifier.weight.data.zero_()
    model.classifier.bias.data = torch.tensor([4.0, 4.0, -4.0])
    model.save_pretrained(tmp_path)
    (scores,) = open_classifier("house", tmp_path, "cpu", {}).scores(pictures(1))
    assert scores["cat"] == scores["dog"] == pytest.approx(0.982, abs=0.001)
    assert scores["gun"] < 0.02


def test_a_clip_weighs_the_concepts_that_the_policy_describes(tmp_path: Path) -> None:
    model = clip(tmp_path)
    (scores,) = open_classifier("zero", tmp_path, "cpu", TEXTS).scores(pictures(1))
    phrases = [phrase for of in TEXTS.values() for phrase in of]
    tokens = load_tokenizer(POCKET)(phrases, return_tensors="pt", padding=True)
    pixels = CLIPImageProcessor.from_pretrained(tmp_path)(images=pictures(1)[0], return_tensors="pt")
    with torch.inference_mode():
        shares = model(**tokens, **pixels).logits_per_image.softmax(dim=1)[0]
    assert scores == pytest.approx({"red": float(shares[0] + shares[1]), "ordinary": float(shares[2])}, abs=1e-5)
    with pytest.raises(ClassifierError, match="at least two concepts"):
        open_classifier("zero", tmp_path, "cpu", {"red": ["red"]})


def test_a_detector_gives_the_surest_find_of_each_label(tmp_path: Path) -> None:
    model = detector(tmp_path)
    (scores,) = open_classifier("finder", tmp_path, "cpu", {}).scores(pictures(1))
    pixels = YolosImageProcessor.from_pretrained(tmp_path)(images=pictures(1)[0], return_tensors="pt")
    with torch.inference_mode():
        shares = model(**pixels).logits[0].softmax(dim=1)[:, :3]
    best = {LABELS[int(share.argmax())]: 0.0 for share in shares}
    for share in shares:
        best[LABELS[int(share.argmax())]] = max(best[LABELS[int(share.argmax())]], float(share.max()))
    assert scores == pytest.approx(dict.fromkeys(LABELS.values(), 0.0) | best, abs=1e-5)


def test_broken_weights_do_not_look_clean(tmp_path: Path) -> None:
    found, labeled = tmp_path / "a", tmp_path / "b"
    finder, namer = detector(found), labeler(labeled)
    for model, folder in ((finder, found), (namer, labeled)):
        for weights in model.parameters():
            weights.data.fill_(torch.nan)
        model.save_pretrained(folder)
    with pytest.raises(ClassifierError, match="no numbers"):
        open_classifier("finder", found, "cpu", {}).scores(pictures(1))
    (scores,) = open_classifier("house", labeled, "cpu", {}).scores(pictures(1))
    assert all(np.isnan(score) for score in scores.values())


def test_what_cannot_be_loaded_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="house cannot be loaded"):
        open_classifier("house", tmp_path / "none", "cpu", {})
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    with pytest.raises(ClassifierError, match="BertModel; use a model for image classification"):
        open_classifier("house", tmp_path, "cpu", {})


Answer = Callable[[BaseHTTPRequestHandler, bytes], tuple[int, bytes]]


class Judge:
    """A small server on this machine; `answer` says what it replies."""

    def __init__(self) -> None:
        self.answer: Answer = lambda request, body: (200, json.dumps({"scores": {"gun": 0.25}}).encode())
        judge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = judge.answer(self, body)
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.classifier = HttpClassifier("judge", f"http://ada:secret@127.0.0.1:{self.server.server_port}/score")


@pytest.fixture
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_endpoint_is_sent_each_picture_and_its_scores_are_read(judge: Judge) -> None:
    seen = []

    def look(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        seen.append((request.headers["content-type"], request.headers["authorization"], Image.open(BytesIO(body)).size))
        return 200, json.dumps({"red": float(np.asarray(Image.open(BytesIO(body))).mean()), "n": 1}).encode()

    judge.answer = look
    scores = judge.classifier.scores(pictures())
    assert seen == [("image/png", "Basic YWRhOnNlY3JldA==", (56, 40))] * 2
    assert [of["red"] for of in scores] == pytest.approx([float(np.asarray(p).mean()) for p in pictures()])
    judge.answer = lambda request, body: (200, b'{"scores": {"gun": NaN}}')
    assert np.isnan(judge.classifier.scores(pictures(1))[0]["gun"])


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"", "status 500"),
        (302, b"", "status 302"),
        (200, b"<html>", "not answer with JSON"),
        (200, b"[1]", "not answer with scores"),
        (200, b"{}", "not answer with scores"),
        (200, b'{"scores": {}}', "not answer with scores"),
        (200, b'{"scores": {"gun": "low"}}', "not answer with scores"),
        (200, b'{"scores": {"gun": true}}', "not answer with scores"),
        (200, b" " * (LONGEST_ANSWER + 1), "too great length"),
    ],
)
def test_an_answer_without_scores_is_an_error(judge: Judge, status: int, body: bytes, says: str) -> None:
    judge.answer = lambda request, sent: (status, body)
    with pytest.raises(ClassifierError, match=says) as raised:
        judge.classifier.scores(pictures(1))
    assert "secret" not in str(raised.value)


def test_an_endpoint_that_is_gone_is_an_error_that_keeps_its_address_to_itself(judge: Judge) -> None:
    judge.server.shutdown()
    judge.server.server_close()
    with pytest.raises(ClassifierError, match="no answer: ConnectError") as raised:
        judge.classifier.scores(pictures(1))
    assert "secret" not in str(raised.value)
