"""Review in Prometheus's format, computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from producer.moderation.agreement import Agreement
from producer.moderation.figures import Figures, figures
from safety.policy import Policy
from storage.case_reader import NOTHING, CaseReader
from storage.case_statistics import CaseStatistics
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.known_store import KnownStore

log = structlog.get_logger(__name__)

_PREFIX = "inpaintd_review"
DAYS = 1.0


# Without equality, because a registry keeps collectors by their identity.
@dataclass(frozen=True, eq=False)
class ReviewCollector(Collector):
    """Gauges of the queues as they stand, and of the decisions of the last 24 hours (agreement: of 90 days)."""

    reader: CaseReader
    statistics: CaseStatistics
    agreement: Agreement
    policy: Policy

    @classmethod
    def on(cls, database: Database, policy: Policy) -> ReviewCollector:
        """The collector of a deployment."""
        agreement = Agreement(KnownStore(database), policy.review.known_share)
        return cls(CaseReader(database), CaseStatistics(database), agreement, policy)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, so that the database is not asked before anybody wants to know."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every gauge; none while the database does not answer."""
        try:
            yield from [*self._queues(), *self._decisions(), *self._agreement()]
        except DatabaseUnavailable:
            log.warning("review_metrics_unavailable")

    def _queues(self) -> Iterator[GaugeMetricFamily]:
        stands = self.reader.queues()
        waiting = _gauge("waiting_cases", "Cases that wait, by queue", "queue")
        late = _gauge("late_cases", "Cases that wait beyond their time, by queue", "queue")
        oldest = _gauge("oldest_case_seconds", "Age of the oldest case that waits, by queue", "queue")
        for name in {*stands, *(queue.name for queue in self.policy.review.queues)}:
            queue = stands.get(name, NOTHING)
            waiting.add_metric([name], queue.waiting)
            late.add_metric([name], queue.late)
            oldest.add_metric([name], queue.oldest_seconds)
        yield from (waiting, late, oldest)

    def _decisions(self) -> Iterator[GaugeMetricFamily]:
        made = figures(self.statistics, DAYS)
        decided = _gauge("decisions", "Decisions of the last 24 hours", "kind", "choice")
        for tally in made.tallies:
            decided.add_metric([tally.kind.value, tally.choice.value], tally.decided)
        yield from (decided, _seconds(made))
        overturned = _gauge("overturned_ratio", "Overturned refusals, as a share of those of the last 24 hours")
        if made.overturn_rate is not None:
            overturned.add_metric([], made.overturn_rate)
        yield overturned

    def _agreement(self) -> Iterator[GaugeMetricFamily]:
        share = _gauge("agreement_ratio", "Share of known cases answered as expected, over 90 days", "moderator")
        for hits in self.agreement.hits():
            share.add_metric([hits.moderator], hits.share)
        kappa = _gauge("agreement_kappa", "Cohen's kappa of two who judged the same, over 90 days", "first", "second")
        for pair in self.agreement.pairs():
            kappa.add_metric([pair.first, pair.second], pair.kappa)
        yield from (share, kappa)


def _seconds(made: Figures) -> GaugeMetricFamily:
    text = "Seconds to decision in the last 24 hours: waiting since opened, working since first given"
    family = _gauge("decision_seconds", text, "span", "quantile")
    for span, times in (("waiting", made.waiting), ("working", made.working)):
        for quantile, seconds in (("0.5", times.half), ("0.95", times.most)):
            if seconds is not None:
                family.add_metric([span, quantile], seconds)
    return family


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
