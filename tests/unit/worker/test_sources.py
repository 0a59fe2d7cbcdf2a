"""What a worker measures of every picture: that all of it answers, and that the banks in use are those in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from safety.authority import load_or_create_authority
from safety.banks import COPY, bank_picture
from safety.checks import check_input
from safety.evidence import INPUT, Evidence, Submission
from safety.mark_keys import MarkKeys
from safety.own_mark import OwnMark
from safety.verdict import Action
from safety.watermark import embed
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.hash_bank_store import HashBankStore, Known
from tests.packaged import POLICY
from worker import sources
from worker.pocket.pattern import draw_pattern
from worker.sources import BanksInUse, open_sources

CAT = Image.fromarray(data.cat()).convert("RGB")
KEYS = MarkKeys.from_secret("a secret for tests only")


class Store(HashBankStore):
    """A store that can be cut off."""

    away = False

    def edition(self) -> tuple[int, str]:
        if self.away:
            raise DatabaseUnavailable("away")
        return super().edition()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def likeness(banks: BanksInUse) -> dict[str, float]:
    return dict(banks.measure(Evidence({INPUT: CAT}))[INPUT])


def bank_the_cat(store: HashBankStore) -> str:
    found = bank_picture("reported", CAT, "A test.")
    store.add([Known(found.bank, found.hashes, found.reason)], "ada")
    return store.all()[0].id


def test_pictures_that_are_added_and_removed_are_noticed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashBankStore(database)
    banks = BanksInUse(store)
    assert set(likeness(banks)) == {"test_pattern"}
    entry = bank_the_cat(store)
    assert set(likeness(banks)) == {"test_pattern"}  # for up to FRESH_SECONDS
    monkeypatch.setattr(sources, "FRESH_SECONDS", -1.0)
    assert likeness(banks)["reported"] >= COPY
    store.remove(entry)
    assert set(likeness(banks)) == {"test_pattern"}


def test_while_sql_is_away_the_banks_at_hand_serve_for_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(database)
    banks = BanksInUse(store)
    store.away = True
    with pytest.raises(DatabaseUnavailable):
        likeness(banks)
    store.away = False
    likeness(banks)
    store.away = True
    monkeypatch.setattr(sources, "FRESH_SECONDS", -1.0)
    assert "test_pattern" in likeness(banks)
    monkeypatch.setattr(sources, "STALE_SECONDS", -1.0)
    with pytest.raises(DatabaseUnavailable):
        likeness(banks)


def sent_as(picture: Image.Image, mask: Image.Image) -> Submission:
    return Submission(picture, mask, b"", "image/png", "a hat", own_mark=OwnMark(np.asarray(picture), KEYS))


def test_every_source_of_the_packaged_policy_answers_and_an_ordinary_picture_passes(
    database: Database, tmp_path: Path
) -> None:
    authority = load_or_create_authority(tmp_path / "credentials")
    mask = Image.new("L", CAT.size)
    mask.paste(255, (100, 100, 200, 200))
    verdict = check_input(sent_as(CAT, mask), POLICY, open_sources(database, authority))
    assert (verdict.action, verdict.findings) == (Action.ALLOW, ())
    assert [signal.error for signal in verdict.signals if signal.error] == []
    signals = {signal.name: signal.value for signal in verdict.signals}
    assert {name.partition(".")[0] for name in signals} == {"mask", "prompt", "banks", "faces", "text", "origin"}
    assert signals["origin.own_mark"] == 0.0
    marked, _ = embed(CAT, KEYS)
    again = check_input(sent_as(marked, mask), POLICY, open_sources(database, authority))
    assert {s.name: s.value for s in again.signals}["origin.own_mark"] == 1.0
    assert again.action is Action.ALLOW


def test_the_test_pattern_sent_as_a_picture_waits_for_a_person(database: Database, tmp_path: Path) -> None:
    pattern = Image.fromarray(draw_pattern(320).astype(np.uint8))
    authority = load_or_create_authority(tmp_path / "credentials")
    verdict = check_input(
        sent_as(pattern, Image.new("L", pattern.size, 255)), POLICY, open_sources(database, authority)
    )
    assert (verdict.action, [finding.rule for finding in verdict.findings]) == (Action.REVIEW, ["input.test_pattern"])


def test_a_copy_of_a_banked_picture_is_refused(database: Database, tmp_path: Path) -> None:
    bank_the_cat(HashBankStore(database))
    authority = load_or_create_authority(tmp_path / "credentials")
    crop = CAT.crop((20, 20, 430, 290)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    verdict = check_input(sent_as(crop, Image.new("L", crop.size, 255)), POLICY, open_sources(database, authority))
    assert verdict.action is Action.BLOCK
    assert [finding.rule for finding in verdict.findings] == ["input.known_copy"]
