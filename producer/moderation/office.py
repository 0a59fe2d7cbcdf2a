"""Everything that moderators work with, opened in one place and handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from producer.moderation.access import Access
from producer.moderation.agreement import Agreement
from producer.moderation.appeals import Appeals
from producer.moderation.bank_keeping import BankKeeping
from producer.moderation.bulk import BulkWork
from producer.moderation.care import Care
from producer.moderation.decisions import Decisions
from producer.moderation.dossier import Archive
from producer.moderation.measures import Measures
from producer.review import Reviewer
from safety.policy import Policy
from storage.audit_store import AuditStore
from storage.bulk_store import BulkStore
from storage.case_reader import CaseReader
from storage.case_statistics import CaseStatistics
from storage.case_store import CaseStore
from storage.database import Database
from storage.exposure_store import ExposureStore
from storage.hash_bank_store import HashBankStore
from storage.job_reader import JobReader
from storage.known_store import KnownStore
from storage.measure_store import MeasureStore
from storage.moderator_store import ModeratorStore
from storage.object_store import ObjectStore
from storage.review_store import ReviewStore
from storage.strike_store import StrikeStore
from storage.tenant_store import TenantStore


@dataclass(frozen=True, slots=True)
class Office:
    """The stores and rules of review, over all tenants. Safe to use from many threads."""

    policy: Policy
    objects: ObjectStore
    moderators: ModeratorStore
    cases: CaseStore
    exposures: ExposureStore
    jobs: ReviewStore
    banks: HashBankStore
    measures: MeasureStore
    strikes: StrikeStore
    tenants: TenantStore
    audit: AuditStore
    appeals: Appeals
    decisions: Decisions
    reader: CaseReader
    access: Access
    archive: Archive
    bulk: BulkWork
    bank_keeping: BankKeeping
    agreement: Agreement
    statistics: CaseStatistics

    @classmethod
    def open(cls, database: Database, objects: ObjectStore, policy: Policy) -> Self:
        """Opens it on connections that somebody else closes."""
        cases, exposures, jobs = CaseStore(database), ExposureStore(database), ReviewStore(database)
        banks, measures = HashBankStore(database), MeasureStore(database)
        care, reviewer = Care(exposures, policy.review.exposure), Reviewer(jobs, policy)
        taken = Measures(jobs, banks, measures, objects, policy)
        agreement = Agreement(KnownStore(database), policy.review.known_share)
        decisions = Decisions(cases, exposures, care, reviewer, taken, policy, agreement)
        reader, strikes, audit = CaseReader(database), StrikeStore(database), AuditStore(database)
        tenants = TenantStore(database)
        return cls(
            policy=policy,
            objects=objects,
            moderators=ModeratorStore(database),
            cases=cases,
            exposures=exposures,
            jobs=jobs,
            banks=banks,
            measures=measures,
            strikes=strikes,
            tenants=tenants,
            audit=audit,
            appeals=Appeals(JobReader(database), cases, policy),
            decisions=decisions,
            reader=reader,
            access=Access(cases, exposures, decisions),
            archive=Archive(jobs, cases, reader, strikes, measures, audit, tenants, policy),
            bulk=BulkWork(BulkStore(database), cases, decisions),
            bank_keeping=BankKeeping(banks, policy),
            agreement=agreement,
            statistics=CaseStatistics(database),
        )
