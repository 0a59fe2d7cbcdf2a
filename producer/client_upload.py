"""How the client sends bytes to an object store, which it does not know and which must not see its key."""

from __future__ import annotations

import httpx

from producer.client_errors import ServiceRefused, ServiceUnreachable
from producer.client_retries import send_patiently
from producer.client_settings import LOOPBACK


def put_at_store(url: str, headers: dict[str, str], data: bytes, timeout: float) -> None:
    """PUTs `data`, as often as it may help. Raises ServiceRefused with the code `store_refused`, ServiceUnreachable."""
    place = httpx.URL(url)
    # The query is what lets anybody write there, so errors name the place without it.
    shown, trusting = str(place.copy_with(query=None)), place.host not in LOOPBACK

    def send() -> httpx.Response:
        return httpx.put(url, content=data, headers=headers, timeout=timeout, trust_env=trusting)

    try:
        answer = send_patiently(send, repeatable=True)
    except httpx.TransportError as problem:
        detail = f"The object store at {shown} does not answer ({problem}); upload without `direct` instead."
        raise ServiceUnreachable(detail) from None
    if not answer.is_success:
        detail = f"The object store answered {answer.status_code} to {shown}; upload without `direct` instead."
        raise ServiceRefused(answer.status_code, "store_refused", detail)
