"""Metrics, their page, dashboard and alerts speak of the same things; every expression is read by a PromQL parser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

import producer.metrics
import storage.metrics
import worker.metrics
from producer.keeper.fleet_metrics import FleetCollector
from producer.keeper.metrics import DutyMetrics
from producer.keeper.review_metrics import ReviewCollector
from storage.database import Database
from storage.queue_reader import QueueReader
from storage.upkeep_reader import UpkeepReader
from tests.packaged import POLICY
from tests.unit.test_house import ROOT
from worker.engine.tally import Tally

SETTLED = {"job", "instance"}
# What Prometheus itself and its client for Python tell of any process.
GIVEN = {
    "up": SETTLED,
    "process_start_time_seconds": SETTLED,
    "process_resident_memory_bytes": SETTLED,
    "process_open_fds": SETTLED,
    "ALERTS": {"alertname", "alertstate"},
}
KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
PAGE, RUNBOOK = ROOT / "docs" / "observability.md", ROOT / "docs" / "runbook.md"
RULES = yaml.safe_load((ROOT / "docker" / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "docker" / "grafana" / "inpaintd.json").read_text())
DURATION = re.compile(r"\d+[smhd]")


@dataclass(frozen=True)
class Known:
    """A metric as its program declares it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def row(self) -> str:
        """Its line in docs/observability.md."""
        return f"| `{self.name}` | {self.kind} | {', '.join(self.labels)} | {self.text} |"

    def series(self) -> Iterator[tuple[str, set[str]]]:
        """Names and labels of what Prometheus stores of it."""
        labels = {*self.labels, *SETTLED}
        if self.kind != "histogram":
            yield self.name, labels
            return
        yield f"{self.name}_bucket", {*labels, "le"}
        yield f"{self.name}_count", labels
        yield f"{self.name}_sum", labels


def declared(wrapper: Any) -> Known:
    """One that counts as things happen."""
    kind = KINDS[type(wrapper)]
    return _known(wrapper._name, kind, wrapper._labelnames, wrapper._documentation)


def read(family: Metric) -> Known:
    """One that is read when somebody asks."""
    labels: Any = getattr(family, "_labelnames", ())
    return _known(family.name, family.type, labels, family.documentation)


def _known(name: str, kind: str, labels: tuple[str, ...], text: str) -> Known:
    return Known(f"{name}_total" if kind == "counter" else name, kind, tuple(labels), text)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Known]:
    """Every metric of API, keeper and worker."""
    from tests.databases import migrated_sqlite

    database = Database(migrated_sqlite(tmp_path_factory.mktemp("known") / "jobs.db"))
    engine = SimpleNamespace(tally=Tally(lambda rows: rows), row_budget=1, busy_seconds=0, idle_seconds=0)
    engine.stalled_seconds = 0
    collectors = [
        FleetCollector(QueueReader(database), UpkeepReader(database), ["default"]),
        ReviewCollector.on(database, POLICY),
        worker.metrics.EngineCollector(engine, SimpleNamespace(count=1, busy=0)),  # type: ignore[arg-type]
    ]
    found = [read(family) for collector in collectors for family in collector.collect()]
    database.close()
    modules = (storage.metrics, producer.metrics, worker.metrics)
    wrappers = {id(one): one for module in modules for one in vars(module).values()}
    duty = vars(DutyMetrics()).values()
    return found + [declared(one) for one in [*wrappers.values(), *duty] if isinstance(one, MetricWrapperBase)]


@pytest.fixture(scope="module")
def series(known: list[Known]) -> dict[str, set[str]]:
    """Labels by the name of what can be asked for."""
    return GIVEN | {name: labels for metric in known for name, labels in metric.series()}


def expressions() -> Iterator[tuple[str, str]]:
    """Where each expression stands, and the expression."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    for one in DASHBOARD["annotations"]["list"]:
        yield one["name"], one["expr"]


def walk(node: Any) -> Iterator[tuple[str, set[str]]]:
    """Every selector below a node: its name, and the labels by which it is chosen, grouped or joined above it."""
    if isinstance(node, promql_parser.MatrixSelector):
        node = node.vector_selector
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name, {matcher.name for matcher in node.matchers.matchers}
        return
    modifier = getattr(node, "modifier", None)
    grouped = set(modifier.labels) if isinstance(node, promql_parser.AggregateExpr) and modifier else set()
    for name, labels in (found for child in children(node) for found in walk(child)):
        yield name, labels | grouped


def children(node: Any) -> list[Any]:
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    return [node.expr] if hasattr(node, "expr") else []


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_expression_asks_for_what_there_is(where: str, expression: str, series: dict[str, set[str]]) -> None:
    asked = list(walk(promql_parser.parse(expression)))
    assert asked, where
    for name, labels in asked:
        assert name in series, f"{where}: there is no {name}"
        assert labels <= series[name], f"{where}: {name} has no label {labels - series[name]}"


def test_what_every_keeper_tells_alike_is_never_summed_over_keepers() -> None:
    alike = ("inpaintd_jobs", "inpaintd_backlog_seconds", "inpaintd_jobs_ended_total", "inpaintd_overdue")

    def summed(node: Any) -> Iterator[str]:
        is_sum = isinstance(node, promql_parser.AggregateExpr) and str(node.op) == "sum"
        for child in children(node):
            inner = child
            while isinstance(inner, promql_parser.Call | promql_parser.ParenExpr) and children(inner):
                inner = children(inner)[-1]
            if is_sum and isinstance(inner, promql_parser.VectorSelector | promql_parser.MatrixSelector):
                yield from (name for name, _ in walk(inner) if name in alike)
            yield from summed(child)

    assert list(summed(promql_parser.parse("sum(rate(inpaintd_jobs_ended_total[5m]))"))) == [alike[2]]
    for where, expression in expressions():
        assert list(summed(promql_parser.parse(expression))) == [], where


def headings() -> list[str]:
    """The alerts that the runbook explains."""
    return re.findall(r"^## (Inpaintd\w+)$", RUNBOOK.read_text(), re.MULTILINE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_waits_says_what_is_wrong_and_leads_to_its_place_in_the_runbook(rule: dict[str, Any]) -> None:
    assert DURATION.fullmatch(rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["summary"]
    assert told["description"].endswith(".")
    assert told["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["alert"] in headings()
    shown = set(re.findall(r"\$labels\.(\w+)", told["summary"]))
    kept = {label for _, labels in walk(promql_parser.parse(rule["expr"])) for label in labels} | SETTLED
    assert shown <= kept


def test_the_runbook_explains_each_alert_once_and_no_other() -> None:
    assert sorted(headings()) == sorted(rule["alert"] for rule in RULES)


def test_the_runbook_says_of_each_alert_what_it_means_how_to_look_and_what_to_do() -> None:
    for section in re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]:
        if section.startswith("Inpaintd"):
            words = [f"**{words}**" in section for words in ("Means.", "Look.", "Do.")]
            assert words == [True, True, True], section.splitlines()[0]


def test_the_page_lists_every_metric_as_its_program_declares_it(known: list[Known]) -> None:
    shown = [line for line in PAGE.read_text().splitlines() if line.startswith("| `inpaintd_")]
    assert sorted(shown) == sorted(metric.row for metric in known)


def test_every_metric_named_in_a_document_exists(series: dict[str, set[str]], known: list[Known]) -> None:
    names = {*series, *(metric.name for metric in known)}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        # Roles and columns of the database begin alike; elsewhere it is the end that makes a metric of a name.
        ending = "" if page in (PAGE, RUNBOOK) else "_(?:total|seconds|ratio|bucket|count|up)"
        for name in re.findall(rf"\binpaintd_[a-z_]*[a-z]{ending}\b", page.read_text()):
            assert name in names, f"{page.name}: {name}"


def test_no_metric_is_told_apart_by_tenant_user_or_job(known: list[Known]) -> None:
    labels = {label for metric in known for label in metric.labels}
    assert not labels & {"tenant", "tenant_id", "user", "job_id", "batch", "prompt", "url"}


def test_most_metrics_are_on_the_dashboard(known: list[Known]) -> None:
    """The rest is for whoever looks closer."""
    asked = {name for _, expression in expressions() for name, _ in walk(promql_parser.parse(expression))}
    missing = {metric.name for metric in known if not asked & {name for name, _ in metric.series()}}
    assert missing == {
        "inpaintd_review_agreement_kappa",
        "inpaintd_review_agreement_ratio",
        "inpaintd_review_decisions",
        "inpaintd_review_overturned_ratio",
    }
