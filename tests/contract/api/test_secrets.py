"""No secret is ever written to a log: a service is driven through all that holds one, and its output is searched."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from storage.database import Database, migrate
from storage.job_store import JobStore
from storage.key_store import KeyStore
from storage.lease_store import LeaseStore
from storage.object_store import open_object_store
from storage.settings import StorageSettings
from tests import servers, service
from tests.contract.api.serving import NO_REDIS, mask, photo, request
from tests.jobs import result

WORDS = "a zebra made of marzipan"
PASSWORD = "open-sesame-of-redis"
ENV_SECRETS = ("INPAINTD_S3_SECRET_KEY", "INPAINTD_MARK_SECRET", "INPAINTD_USER_SECRET")


def deployment(folder: Path, s3: servers.S3Server) -> dict[str, str]:
    """The environment of an API and a keeper whose Redis, named with a password, is not there."""
    url = f"sqlite:///{folder / 'jobs.db'}"
    migrate(url)
    env = service.settings(folder, database_url=url, redis_url=NO_REDIS, s3=s3)
    return env | {"INPAINTD_REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:1/0", "INPAINTD_LOG_JSON": "1"}


def drive(running: service.Service, admin: str) -> list[str]:
    """Uses every kind of secret, in good requests and bad ones, and returns all that was used or handed out."""
    secrets = [running.key, admin]
    with httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {admin}"}, timeout=30) as http:
        made = http.post("/v1/keys", json={"name": "web", "scopes": ["read"]}).json()
        secrets += [made["key"], http.post(f"/v1/keys/{made['id']}/rotate").json()["key"]]
        hook = http.post("/v1/webhooks", json={"url": "https://example.invalid/hook-token"})
        default = http.get("/v1/webhooks/default/secret").json()["data"]
        secrets += [hook.json()["secret"], *(one["secret"] for one in default)]
        http.post(f"/v1/webhooks/{hook.json()['id']}/test")
        body = request(prompt=WORDS, user="ann@example.org", webhook_url="https://example.invalid/own-hook")
        job = http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "my-own-key"}).json()
        http.post("/v1/jobs?dry_run=true", json=body)
        http.post("/v1/jobs", files={"image": photo(), "mask": mask()}, data={"prompt": WORDS, "steps": "many"})
        secrets.append(finished_link(running, http, job["id"]))
        http.get("/v1/jobs", params={"cursor": "\0", "user": "ann@example.org"})
        http.delete(f"/v1/jobs/{job['id']}")
    for bad in ("ipd_a-key-that-nobody-has", "Basic dXNlcjpwYXNz"):
        httpx.get(f"{running.url}/v1/jobs", headers={"Authorization": f"Bearer {bad}"})
    return [*secrets, "ipd_a-key-that-nobody-has", "my-own-key"]


def finished_link(running: service.Service, http: httpx.Client, job_id: str) -> str:
    """Ends the job as a worker would, and returns the signature of a link to its picture."""
    storage = StorageSettings.from_env(running.env)
    database, objects = Database(storage.database_url), open_object_store(storage)
    (job,) = LeaseStore(database).claim("tests", models=["default"])
    made = result(job)
    objects.put(made.images[0].key, photo(), "image/png")
    assert JobStore(database).succeed(job, made)
    database.close()
    answer = http.get(f"/v1/jobs/{job_id}/images/0?redirect=true", follow_redirects=False)
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)["X-Amz-Signature"][0]


@pytest.mark.timeout(120)
def test_logs_hold_no_secret_no_prompt_and_no_name(tmp_path: Path, s3_server: servers.S3Server) -> None:
    env = deployment(tmp_path, s3_server)
    database = Database(env["INPAINTD_DATABASE_URL"])
    keys = KeyStore(database)
    admin = keys.create_key(keys.create_tenant("tests"), ["admin"])
    database.close()
    with service.service(tmp_path, env, workers=False) as running:
        secrets = drive(running, admin)
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "job_accepted" in logs
    assert "ring_failed" in logs, "the errors of a Redis that is away are in it"
    secrets += [PASSWORD, *(env[name] for name in ENV_SECRETS), WORDS, "ann@example.org", "hook-token", "own-hook"]
    assert [secret for secret in secrets if secret in logs] == []
