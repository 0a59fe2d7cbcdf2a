"""The Python client: submit a job, wait for it, fetch its images.

    from pathlib import Path
    from producer.client import Client

    with Client() as client:  # INPAINTD_URL and INPAINTD_KEY
        job = client.submit(Path("photo.png"), Path("mask.png"), "a red circle", steps=20)
        job = client.wait(job["id"])
        Path("result.png").write_bytes(client.download(job))

Errors are those of producer.client_errors.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote
from uuid import uuid4

import httpx

from producer.client_errors import ClientMisconfigured, NotAtRest, ServiceRefused, ServiceUnreachable
from producer.client_events import SILENCE_SECONDS, follow_events
from producer.client_retries import send_patiently
from producer.client_settings import LOOPBACK, ClientSettings
from producer.client_types import (
    CanceledBatch,
    DetectionView,
    Event,
    FileView,
    JobPage,
    JobView,
    UploadView,
    at_rest,
)
from producer.client_upload import put_at_store

Picture = bytes | Path | str
LONG_POLL_SECONDS = 30.0


class Client:
    """One service, one key. Safe to use from several threads; close it or use it in a `with` block.

    Pictures are bytes, a Path to a file, the `file_` id of an earlier upload, or an `https:` URL, which the service
    fetches.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, timeout: float = 30.0, *, keyless: bool = False
    ) -> None:
        """`url` and `key` default to INPAINTD_URL and INPAINTD_KEY; `timeout` is seconds for one answer.

        A client that is `keyless` may go without a key, with which a service answers `detect` at most.
        Raises ClientMisconfigured.
        """
        settings = ClientSettings.from_env()
        self.url = (url or settings.url).strip().rstrip("/")
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=_checked_url(self.url),
            headers=_authorization(key or settings.key, keyless=keyless),
            timeout=timeout,
            trust_env=httpx.URL(self.url).host not in LOOPBACK,
        )

    def submit(
        self,
        image: Picture,
        mask: Picture | None = None,
        prompt: str = "",
        *,
        idempotency_key: str | None = None,
        **params: Any,
    ) -> JobView:
        """Sends a job and returns it as accepted. White in `mask` is repainted.

        `params` are the request's fields of API.md; those not given take the service's defaults. Without `mask`,
        the transparent pixels of `image` are repainted. However often it is sent until an answer comes, it is one
        job; with an `idempotency_key` of your own also across calls, for 24 hours.
        Raises ServiceRefused, ServiceUnreachable, OSError.
        """
        body = {"image": _source(image), "prompt": prompt, **params}
        if mask is not None:
            body["mask"] = _source(mask)
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        return cast(JobView, self._send("POST", "/v1/jobs", repeatable=True, json=body, headers=headers).json())

    def get(self, job_id: str, wait: int = 0) -> JobView:
        """The job as it stands after `wait` seconds (0 to 60), or as soon as it has come to rest."""
        answer = self._send("GET", _path(job_id), params={"wait": wait}, timeout=self._timeout + wait)
        return cast(JobView, answer.json())

    def watch(self, job_id: str, timeout: float | None = None, every: float = LONG_POLL_SECONDS) -> Iterator[JobView]:
        """The job about `every` so many seconds, and at once when it has come to rest, which ends the iteration.

        Raises NotAtRest after `timeout` seconds; None waits for ever.
        """
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            pause = max(0.0, min(every, end - time.monotonic()))
            job = self.get(job_id, wait=int(pause))
            yield job
            if at_rest(job):
                return
            if time.monotonic() >= end:
                raise NotAtRest(f"{job_id} is still {job['status']} after {timeout} s; it goes on: wait again later.")
            if pause < 1:  # the service waits in whole seconds only
                time.sleep(pause)

    def wait(self, job_id: str, timeout: float | None = None) -> JobView:
        """The job once it has ended or is held for a person. Raises NotAtRest after `timeout` seconds."""
        *_, job = self.watch(job_id, timeout)
        return job

    def events(self, job_id: str, last_event_id: str | None = None) -> Iterator[Event]:
        """What happened to the job and what happens from now on, until it has ended, and how far it is meanwhile.

        A stream that breaks is opened again and goes on where it was. To go on in another process, pass the `id` of
        the last event that had one. Raises ServiceRefused and ServiceUnreachable.
        """
        return follow_events(lambda after: self._open(f"{_path(job_id)}/events", after), last_event_id)

    def cancel(self, job_id: str) -> JobView:
        """Cancels a waiting job at once and asks a running one to stop. An ended job stays as it is."""
        return cast(JobView, self._send("POST", f"{_path(job_id)}/cancel").json())

    def cancel_batch(self, batch: str) -> CanceledBatch:
        """Cancels every job that carries the label `batch`, each as `cancel` would."""
        return cast(CanceledBatch, self._send("POST", f"/v1/batches/{quote(batch, safe='')}/cancel").json())

    def list(self, **filters: str | int) -> JobPage:
        """A page of jobs, newest first. Filters: status, batch, user, created_after, limit, cursor."""
        return cast(JobPage, self._send("GET", "/v1/jobs", params=filters).json())

    def upload(self, picture: bytes | Path, *, direct: bool = False) -> FileView:
        """Stores a picture that several jobs refer to by its `id`.

        With `direct` the bytes go to the service's object store itself, where that can be reached, and not through
        the service. Raises ServiceRefused, ServiceUnreachable, OSError.
        """
        data = _bytes(picture)
        if not direct:
            return cast(FileView, self._send("POST", "/v1/files", files={"file": ("picture", data)}).json())
        announced = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        upload = cast(UploadView, self._send("POST", "/v1/files/presign", json=announced).json())
        if upload["url"].startswith("/"):
            self._send("PUT", upload["url"], repeatable=True, content=data, headers=upload["headers"])
        else:
            put_at_store(upload["url"], upload["headers"], data, self._timeout)
        return cast(FileView, self._send("POST", upload["complete"], repeatable=True).json())

    def download(self, job: JobView | str, index: int = 0) -> bytes:
        """The encoded image `index` of a succeeded job, which is given by itself or by its id."""
        job_id = job if isinstance(job, str) else job["id"]
        return self._send("GET", f"{_path(job_id)}/images/{index}").content

    def detect(self, picture: bytes | Path, *, search: bool = True) -> DetectionView:
        """Where a PNG, JPEG or WebP comes from: whether it was made here, when, by which model, and what was repainted.

        Without `search`, marks in turned, mirrored, scaled or pasted pictures are not looked for. The service keeps
        nothing of the picture.
        """
        file, params = {"file": ("picture", _bytes(picture))}, {"search": search}
        return cast(DetectionView, self._send("POST", "/v1/detect", repeatable=True, files=file, params=params).json())

    def close(self) -> None:
        """Lets the connections go."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, method: str, path: str, *, repeatable: bool = False, **request: Any) -> httpx.Response:
        return self._answer(lambda: self._http.request(method, path, **request), repeatable=repeatable)

    def _open(self, path: str, last_event_id: str | None) -> httpx.Response:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        timeout = httpx.Timeout(self._timeout, read=SILENCE_SECONDS)
        request = self._http.build_request("GET", path, headers=headers, timeout=timeout)

        def send() -> httpx.Response:
            answer = self._http.send(request, stream=True)
            if not answer.is_success:
                answer.read()
            return answer

        return self._answer(send, repeatable=True)

    def _answer(self, send: Callable[[], httpx.Response], *, repeatable: bool) -> httpx.Response:
        try:
            answer = send_patiently(send, repeatable=repeatable)
        except httpx.TimeoutException:
            raise ServiceUnreachable(f"{self.url} did not answer in time; see whether the service is well.") from None
        except httpx.TransportError as problem:
            raise ServiceUnreachable(
                f"No service answers at {self.url} ({problem}); start it or correct INPAINTD_URL."
            ) from problem
        if not answer.is_success:
            raise _refusal(self.url, answer)
        return answer


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _checked_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ClientMisconfigured(f"{url!r} is no address of a service; INPAINTD_URL looks like http://127.0.0.1:8000.")
    return url


def _checked_key(key: str | None) -> str:
    if not (key and key.strip().isascii() and key.strip().isprintable()):
        raise ClientMisconfigured("No usable API key; set INPAINTD_KEY to one made with `inpaintd keys create`.")
    return key.strip()


def _authorization(key: str | None, *, keyless: bool) -> dict[str, str]:
    return {} if keyless and not key else {"Authorization": f"Bearer {_checked_key(key)}"}


def _source(picture: Picture) -> str:
    if isinstance(picture, str):
        return picture
    # The service looks at the bytes, not at the name of the type.
    return f"data:application/octet-stream;base64,{base64.b64encode(_bytes(picture)).decode()}"


def _bytes(picture: bytes | Path) -> bytes:
    return picture.read_bytes() if isinstance(picture, Path) else picture


def _refusal(url: str, answer: httpx.Response) -> ServiceRefused:
    try:
        problem = answer.json()
        return ServiceRefused(answer.status_code, problem["code"], problem["detail"], problem.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        detail = f"{url} answered {answer.status_code} {answer.reason_phrase} and no reason; is it an inpaintd service?"
        return ServiceRefused(answer.status_code, f"http_{answer.status_code}", detail)
