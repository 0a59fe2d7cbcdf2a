"""A classifier behind an address: each picture is posted as PNG, and the answer is JSON with its scores."""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Final

import httpx
from PIL.Image import Image

from safety.errors import ClassifierError

TIMEOUT_SECONDS: Final = 20.0
LONGEST_ANSWER: Final = 1 << 20


class HttpClassifier:
    """Posts each picture (`image/png`) and reads `{"scores": {"concept": number, ...}}`, or that mapping alone.

    One picture each time, so that none affects another. No redirect is followed and no proxy of the environment is
    used: pictures go to that address and nowhere else. It may hold a name and password, so no error repeats it.
    """

    version = "http"

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        address = httpx.URL(url)
        login = (address.username, address.password) if address.username else None
        self._url = address.copy_with(username=None, password=None)
        self._client = httpx.Client(auth=login, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)

    def scores(self, images: Sequence[Image]) -> list[dict[str, float]]:
        """See ImageClassifier. Raises ClassifierError."""
        return [self._scores(image) for image in images]

    def _scores(self, image: Image) -> dict[str, float]:
        with BytesIO() as file:
            image.convert("RGB").save(file, "PNG", compress_level=1)
            body = file.getvalue()
        try:
            answer = self._post(body)
        except httpx.HTTPError as error:
            raise ClassifierError(f"{self.name} gave no answer: {type(error).__name__}") from None
        scores = answer.get("scores", answer) if isinstance(answer, dict) else None
        if not isinstance(scores, dict) or not scores or not all(map(_is_number, scores.values())):
            raise ClassifierError(f"{self.name} did not answer with scores")
        return {str(concept): float(score) for concept, score in scores.items()}

    def _post(self, body: bytes) -> object:
        headers = {"content-type": "image/png", "accept": "application/json"}
        with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise ClassifierError(f"{self.name} answered with status {response.status_code}")
            data = b""
            for part in response.iter_bytes():
                data += part
                if len(data) > LONGEST_ANSWER:
                    raise ClassifierError(f"{self.name} answered at too great length")
        return _json(self.name, data)


def _json(name: str, data: bytes) -> object:
    try:
        found: object = json.loads(data)
    except ValueError:
        raise ClassifierError(f"{name} did not answer with JSON") from None
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
