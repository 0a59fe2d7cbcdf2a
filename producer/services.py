"""Everything the HTTP interface works with, opened in one place and handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from producer.conduct import Conduct
from producer.detect import Detector
from producer.fetching import Fetcher
from producer.inputs import InputShelf
from producer.moderation.appeals import Appeals
from producer.outbound.addresses import AddressGuard
from producer.recent_files import RecentFiles
from producer.settings import ProducerSettings
from producer.shredder import Shredder
from producer.submit import Submitter
from producer.uploads import Uploads
from safety.certificate import trust_anchors
from safety.mark_keys import MarkKeys
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.batch_store import BatchStore
from storage.broker import Doorbell
from storage.case_store import CaseStore
from storage.database import Database
from storage.delivery_log import DeliveryLog
from storage.feed import Feed
from storage.file_store import FileStore
from storage.job_reader import JobReader
from storage.job_store import JobStore
from storage.key_store import KeyStore
from storage.mark_store import MarkStore
from storage.models import ModelDescriptor, load_registry
from storage.object_store import ObjectStore, open_object_store
from storage.outlook import Outlook
from storage.publisher import Publisher
from storage.retention_store import RetentionStore
from storage.settings import StorageSettings
from storage.strike_store import StrikeStore
from storage.submissions import Submissions
from storage.tenant_store import TenantStore
from storage.upload_store import UploadStore
from storage.usage_store import UsageStore
from storage.webhook_store import WebhookStore


@dataclass(frozen=True, slots=True)
class Services:
    """One process's connections, and the stores on top of them."""

    settings: ProducerSettings
    redis_url: str
    database: Database
    objects: ObjectStore
    doorbell: Doorbell
    publisher: Publisher
    jobs: JobStore
    batches: BatchStore
    submissions: Submissions
    tenants: TenantStore
    reader: JobReader
    outlook: Outlook
    feed: Feed
    usage: UsageStore
    shredder: Shredder
    keys: KeyStore
    files: FileStore
    uploads: Uploads
    webhooks: WebhookStore
    deliveries: DeliveryLog
    guard: AddressGuard
    models: Mapping[str, ModelDescriptor]
    submitter: Submitter
    appeals: Appeals
    detector: Detector | None

    def close(self) -> None:
        """Lets every connection go."""
        self.doorbell.close()
        self.publisher.close()
        self.database.close()


def open_services(storage: StorageSettings, safety: SafetySettings, producer: ProducerSettings) -> Services:
    """Opens what the settings name. The schema must be current: see storage.database.migrate.

    Raises storage.errors.SettingsError and safety.errors.PolicyError.
    """
    policy = load_policy(safety.policy)
    models = load_registry(storage.sources)
    objects = open_object_store(storage)
    doorbell, publisher = Doorbell(storage.redis_url), Publisher(storage.redis_url)
    database = Database(storage.database_url, publisher.moved)
    submissions, files = Submissions(database), FileStore(database, objects)
    webhooks, guard = WebhookStore(database), AddressGuard(producer.allowed_addresses)
    recent = RecentFiles()
    shelf = InputShelf(files, objects, producer.max_pixels, policy.marking, _fetcher(guard, producer), recent)
    conduct = Conduct(StrikeStore(database), policy, producer.user_secret)
    return Services(
        settings=producer,
        redis_url=storage.redis_url,
        database=database,
        objects=objects,
        doorbell=doorbell,
        publisher=publisher,
        jobs=JobStore(database),
        batches=BatchStore(database),
        submissions=submissions,
        tenants=TenantStore(database),
        reader=JobReader(database),
        outlook=Outlook(database),
        feed=Feed(database),
        usage=UsageStore(database),
        shredder=Shredder(RetentionStore(database), objects),
        keys=KeyStore(database),
        files=files,
        uploads=Uploads(files, UploadStore(database), objects, producer.max_body_bytes, producer.max_pixels, recent),
        webhooks=webhooks,
        deliveries=DeliveryLog(database),
        guard=guard,
        models=models,
        submitter=Submitter(
            submissions, shelf, doorbell, policy, models, conduct, producer.user_secret, webhooks, guard
        ),
        appeals=Appeals(JobReader(database), CaseStore(database), policy),
        detector=_open_detector(database, objects, safety, producer),
    )


def _fetcher(guard: AddressGuard, settings: ProducerSettings) -> Fetcher:
    return Fetcher(
        guard,
        max_bytes=settings.max_body_bytes,
        seconds=settings.fetch_seconds,
        places=settings.max_fetches,
        tenant_places=settings.max_tenant_fetches,
    )


def _open_detector(
    database: Database, objects: ObjectStore, safety: SafetySettings, producer: ProducerSettings
) -> Detector | None:
    """None where this process knows neither the secret of the mark nor under which roots results are signed."""
    if safety.mark_secret is None and safety.credentials_dir is None and safety.certificate is None:
        return None
    keys = MarkKeys.from_secret(safety.mark_secret) if safety.mark_secret else None
    trust_anchors(safety)  # a certificate that cannot be read is told now
    # Asked for each time: the local authority is made by the first worker, perhaps after this process has started.
    return Detector(MarkStore(database), objects, keys, lambda: trust_anchors(safety), producer.max_pixels)
