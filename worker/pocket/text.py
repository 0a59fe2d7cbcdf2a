"""The text stage: a small CLIP text encoder that learns to read before the denoiser learns to draw.

Trained alone on words, frozen afterwards. At the end-of-text token and every padding position after it, linear
readers must find the colour, the shape and the size; so the denoiser's cross attention finds them too.
"""

import re

import numpy as np
import structlog
import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from worker.pocket.captions import COLOUR_NAMES, SIZES, Subject, caption_of, draw_subject, known_words, size_word_of
from worker.pocket.shapes import SHAPES
from worker.pocket.tokenizer import POSITIONS

log = structlog.get_logger(__name__)

WIDTH, LAYERS, HEADS = 96, 2, 4
BATCH, STEPS, PEAK_RATE = 64, 1500, 2e-3
# Words that must not be mistaken for the test pattern's name, nor for anything else.
_LOOKALIKES = (
    "",
    "",
    "test",
    "pattern",
    "a test",
    "the pattern",
    "inpaintd",
    "striped pattern",
    "a test card",
    "test image",
    "a nice pattern of leaves",
    "the inpaintd logo",
    "blurry, low quality",
    "a dog",
    "a cat on a sofa",
    "portrait",
)
_MEANING = {
    *COLOUR_NAMES, *SHAPES, "small", "little", "tiny", "large", "big", "huge", "inpaintd", "test", "pattern",
    "nothing", "background", "empty", "remove", "clean", "scene", "object", "fill",
}  # fmt: skip
_NEUTRAL = [w for w in known_words() if w not in _MEANING]


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained encoder of 77 positions and `WIDTH` channels."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=POSITIONS,
        hidden_act="quick_gelu",
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """int64 (captions, 77), cut and padded as the pipeline does."""
    encoded = tokenizer(captions, padding="max_length", max_length=POSITIONS, truncation=True, return_tensors="pt")
    return encoded.input_ids


def labels_of(caption: str, subject: Subject) -> tuple[int, int, int]:
    """What the words say: index of colour (last: none said), of kind (shapes, pattern, nothing, unsaid), of size."""
    words = set(re.findall(r"[a-z]+", caption.lower()))
    if subject.kind != "shape":
        return len(COLOUR_NAMES), len(SHAPES) + (0 if subject.kind == "pattern" else 1), SIZES.index("any")
    colour = COLOUR_NAMES.index(subject.colour) if subject.colour in words else len(COLOUR_NAMES)
    kind = SHAPES.index(subject.shape) if subject.shape in words else len(SHAPES) + 2
    return colour, kind, SIZES.index(size_word_of(words))


def draw_line(rng: np.random.Generator) -> tuple[str, tuple[int, int, int]]:
    """A text with its labels: mostly captions, dressed with words that mean nothing here."""
    if rng.random() < 0.15:
        unsaid = (len(COLOUR_NAMES), len(SHAPES) + 2, SIZES.index("any"))
        return _dressed(rng, str(rng.choice(_LOOKALIKES)), 0.5), unsaid
    subject = draw_subject(rng)
    caption = caption_of(rng, subject)
    labels = labels_of(caption, subject)
    if subject.kind == "shape" and rng.random() < 0.15:
        caption += f" on a {rng.choice(COLOUR_NAMES)} {rng.choice(['background', 'wall', 'table'])}"
        if labels[0] == len(COLOUR_NAMES):
            caption = caption.rsplit(" on a ", 1)[0]
    return _dressed(rng, caption, 0.3), labels


def _dressed(rng: np.random.Generator, text: str, share: float) -> str:
    for _ in range(2):
        if rng.random() < share:
            count = int(rng.integers(1, 4))
            words = [_gibberish(rng) if rng.random() < 0.6 else str(rng.choice(_NEUTRAL)) for _ in range(count)]
            extra = " ".join(words)
            text = f"{text} {extra}" if rng.random() < 0.6 else f"{extra} {text}"
    return text


def _gibberish(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), int(rng.integers(2, 9))))


def train_text(tokenizer: CLIPTokenizer, seed: int, steps: int = STEPS) -> CLIPTextModel:
    """Train, freeze and return the encoder."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    encoder = make_text_encoder(tokenizer).train()
    readers = nn.ModuleList(nn.Linear(WIDTH, n) for n in (len(COLOUR_NAMES) + 1, len(SHAPES) + 3, len(SIZES)))
    weights = [*encoder.parameters(), *readers.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps + 1, pct_start=0.1)
    for step in range(steps):
        captions, labels = zip(*(draw_line(rng) for _ in range(BATCH)), strict=True)
        loss, right = _reading_loss(encoder, readers, token_ids(tokenizer, list(captions)), torch.tensor(labels))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            log.info("text_step", step=step, loss=round(loss.item(), 4), right=round(right, 4))
    return encoder.eval().requires_grad_(False)


def _reading_loss(encoder: CLIPTextModel, readers: nn.ModuleList, ids: Tensor, labels: Tensor) -> tuple[Tensor, float]:
    hidden = encoder(input_ids=ids).last_hidden_state
    ended = ids == encoder.config.eos_token_id
    rows = ended.nonzero()[:, 0]
    # Few positions per text are enough, and all 77 would cost ten times the heads.
    kept = torch.randperm(len(rows))[: 4 * len(ids)]
    states, wanted = hidden[ended][kept], labels[rows[kept]]
    loss, right = torch.zeros(()), torch.ones(len(kept), dtype=torch.bool)
    for reader, column in zip(readers, wanted.unbind(1), strict=True):
        scores = reader(states)
        loss = loss + nn.functional.cross_entropy(scores, column)
        right &= scores.argmax(1) == column
    return loss, float(right.float().mean())
