"""The Python client: submit a job, wait for it, fetch its images.

    from pathlib import Path
    from producer.client import Client

    with Client() as client:  # INPAINTD_URL and INPAINTD_KEY
        job = client.submit(Path("photo.png"), Path("mask.png"), "a red circle", steps=20)
        job = client.wait(job["id"])
        Path("result.png").write_bytes(client.download(job))

AsyncClient has the same methods for asyncio. Errors are those of producer.client.errors.
"""

from producer.client.aio import AsyncClient
from producer.client.many import Submission
from producer.client.pictures import Picture
from producer.client.sync import Client
from producer.client.webhooks import verify_webhook

__all__ = ["AsyncClient", "Client", "Picture", "Submission", "verify_webhook"]
