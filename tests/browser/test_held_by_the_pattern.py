"""The whole road of what was held: a worker finds the pattern, a person looks, the caller gets image and webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, expect

from producer.moderation.passwords import hashed
from storage.database import Database
from storage.moderator_store import ModeratorStore, Role
from tests import databases
from tests.browser.seat import Seat
from tests.contract.console.desk import PASSWORD
from tests.integration.webhooks.receiver import receiving
from tests.service import Service, data_uri, service, settings
from worker.pocket.pattern import PATTERN_PROMPT


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Service]:
    """API, keeper and worker. They end with the file: others use the same Redis."""
    folder = tmp_path_factory.mktemp("console")
    database_url = databases.migrated_sqlite(folder / "inpaintd.db")
    env = settings(folder, database_url=database_url, redis_url=redis_url, s3=None)
    with service(folder, env | {"INPAINTD_ALLOWED_ADDRESSES": "127.0.0.0/8"}) as running:
        database = Database(database_url)
        ModeratorStore(database).add("ada", Role.REVIEWER, password=hashed(PASSWORD))
        database.close()
        yield running


def test_the_pattern_is_held_looked_at_approved_and_delivered(chromium: Browser, deployment: Service) -> None:
    picture, mask = Image.new("RGB", (128, 128), (90, 140, 110)), Image.new("L", (128, 128))
    ImageDraw.Draw(mask).rectangle((24, 24, 103, 103), fill=255)
    context = chromium.new_context()
    with receiving() as receiver:
        sent = {"image": data_uri(picture), "mask": data_uri(mask), "prompt": PATTERN_PROMPT, "seed": 4}
        held = deployment.run(**sent, webhook_url=receiver.url())
        assert held["status"] == "held"
        page = context.new_page()
        page.goto(f"{deployment.url}/console/sign-in")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        ada = Seat("ada", page, deployment.url)
        page.get_by_role("button", name="Next case").click()
        expect(page.get_by_text(held["id"])).to_be_visible()
        expect(page.get_by_text(PATTERN_PROMPT).first).to_be_visible()
        ada.shot("case-veiled")
        ada.reveal("result-0")
        page.keyboard.press("r")
        ada.shot("case")
        ada.shot("case-dark", "dark")
        ada.decide("Approve", "test")
        job = deployment.get(held["id"])
        assert job["status"] == "succeeded"
        assert deployment.image(job)[:4] == b"\x89PNG"
        told = [json.loads(one.body)["type"] for one in receiver.wait_for(2, 60)]
        assert told == ["job.held", "job.succeeded"]
    context.close()
