"""What the client says of answers is what the service sends, and both clients are one."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import resources
from typing import Any

import pytest
from pydantic import BaseModel

from producer.api import (
    batch_views,
    batches,
    detect,
    dry_run,
    event_views,
    feed,
    files,
    models,
    objections,
    usage,
    views,
    webhook_views,
)
from producer.client import AsyncClient, Client, account_types, batch_types, types, webhook_types

LIGHT = {f"storage.{name}" for name in ("aliases", "errors", "model_hash", "settings", "tls")}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (types.JobView, views.JobView),
        (types.Attempts, views.Attempts),
        (types.Image, views.ImageView),
        (types.Finding, views.Finding),
        (types.Failure, views.ErrorView),
        (types.Safety, views.Safety),
        (types.Model, views.ModelView),
        (types.DetectionView, detect.DetectionView),
        (types.Mark, detect.MarkView),
        (types.Shape, detect.ShapeView),
        (types.Credentials, detect.CredentialsView),
        (types.Origin, detect.OriginView),
        (batch_types.CanceledBatch, batches.CanceledBatch),
        (batch_types.BatchView, batch_views.BatchView),
        (batch_types.BatchPage, batch_views.BatchList),
        (batch_types.Lines, batch_views.Lines),
        (batch_types.JobCounts, batch_views.JobCounts),
        (batch_types.ResultLine, batch_views.ResultLine),
        (account_types.ModelEntry, models.ModelEntry),
        (account_types.ModelList, models.ModelList),
        (account_types.UsageReport, usage.UsageReport),
        (account_types.UsageView, usage.UsageView),
        (account_types.DayView, usage.DayView),
        (account_types.EndedJobs, usage.JobCounts),
        (account_types.StoredFiles, usage.FilesView),
        (types.DryRun, dry_run.DryRunView),
        (types.Plan, dry_run.Plan),
        (types.TokenCount, dry_run.TokenCount),
        (types.Queue, views.Queue),
        (types.CaseView, objections.CaseView),
        (types.EventPage, feed.EventPage),
        *(
            (getattr(webhook_types, name), getattr(webhook_views, name))
            for name in (
                "WebhookView",
                "NewWebhookView",
                "WebhookList",
                "SecretView",
                "SecretList",
                "DeliveryView",
                "DeliveryDetail",
                "AttemptView",
                "Replayed",
            )
        ),
        (webhook_types.DeliveryPage, webhook_views.DeliveryList),
    ],
)
def test_the_client_knows_every_key_of_an_answer(ours: type[Any], theirs: type[BaseModel]) -> None:
    assert set(ours.__annotations__) == set(theirs.model_fields)


def test_the_client_knows_the_keys_of_a_file() -> None:
    assert set(types.FileView.__annotations__) <= set(files.FileView.model_fields)
    assert set(types.UploadView.__annotations__) <= set(files.UploadView.model_fields)


def test_the_client_knows_every_key_of_a_message() -> None:
    shown = event_views.EventView.model_fields | event_views.ProgressView.model_fields
    assert set(types.Event.__annotations__) == set(shown)


def methods(client: type[Any]) -> dict[str, tuple[str, str | None]]:
    """Signature and first line of every public method."""
    public = {name: method for name, method in vars(client).items() if not name.startswith("_") and callable(method)}
    return {name: (list(inspect.signature(found).parameters), found.__doc__) for name, found in public.items()}


def test_both_clients_have_the_same_methods() -> None:
    ours, theirs = methods(Client), methods(AsyncClient)
    differing = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert differing == {"submit_many"}, "its docstring points to the other's"
    assert ours["submit_many"][0] == theirs["submit_many"][0]
    assert ours["upload"][0] == ["self", "picture", "direct"]


def test_the_client_loads_httpx_and_little_else() -> None:
    program = "import sys; import producer.client; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"torch", "fastapi", "starlette", "pydantic", "sqlalchemy", "boto3", "celery", "redis", "numpy", "PIL"}
    assert loaded & heavy == set()
    assert {name for name in loaded if name.startswith("storage.")} <= LIGHT


def test_the_client_is_typed_for_whoever_installs_it() -> None:
    assert resources.files("producer").joinpath("py.typed").is_file()
