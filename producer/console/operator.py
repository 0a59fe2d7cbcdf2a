"""/console/operator: the queue, the workers, what ended, what failed, tenants, webhooks, the keeper, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from producer.api.dependencies import ServicesDep
from producer.console.operator_figures import SPANS, by_code, chart, ended_in, ended_of_tenants, waits
from producer.console.pages import page
from producer.console.session import ReadingLead
from storage.database import Database
from storage.fleet_reader import FleetReader
from storage.upkeep_reader import UpkeepReader

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page, which comes anew every `seconds`: what it shows is read by `read`."""

    name: str
    seconds: int
    read: Callable[[Database], dict[str, Any]]


def _queue(database: Database) -> dict[str, Any]:
    fleet = FleetReader(database)
    return {"waits": waits(fleet.queue(), fleet.past())}


def _workers(database: Database) -> dict[str, Any]:
    return {"workers": FleetReader(database).workers()}


def _throughput(database: Database) -> dict[str, Any]:
    past = FleetReader(database).past()
    spans = [(minutes, ended_in(past, minutes)) for minutes in SPANS]
    return {"chart": chart(past), "spans": spans, "covered": past.minutes}


def _failures(database: Database) -> dict[str, Any]:
    return {"failures": by_code(FleetReader(database).failures())}


def _tenants(database: Database) -> dict[str, Any]:
    fleet = FleetReader(database)
    queue, past = fleet.queue(), fleet.past()
    waiting = {line.name: line for line in waits(queue, past, most_tenants=100).tenants}
    ended = ended_of_tenants(past)
    shown = UpkeepReader(database).tenants([*waiting, *ended])
    return {"tenants": shown, "waiting": waiting, "ended": ended, "covered": past.minutes}


def _webhooks(database: Database) -> dict[str, Any]:
    # Of the address the host alone: paths and queries of webhooks often are their receivers' secrets.
    failing = UpkeepReader(database).failing_endpoints()
    return {"endpoints": [(one, urlsplit(one.url).hostname) for one in failing]}


def _keeper(database: Database) -> dict[str, Any]:
    return {"overdue": UpkeepReader(database).overdue()}


SECTIONS = (
    Section("queue", 5, _queue),
    Section("workers", 5, _workers),
    Section("throughput", 15, _throughput),
    Section("failures", 15, _failures),
    Section("tenants", 30, _tenants),
    Section("webhooks", 15, _webhooks),
    Section("keeper", 15, _keeper),
)


@router.get("/operator")
def operator(request: Request, services: ServicesDep, _moderator: ReadingLead, still: bool = False) -> HTMLResponse:
    """Every section; with `still` they do not come anew by themselves."""
    values: dict[str, Any] = {}
    for section in SECTIONS:
        values |= section.read(services.database)
    return page(request, "operator/operator.html", sections=SECTIONS, still=still, **values)


@router.get("/operator/{name}")
def part(request: Request, services: ServicesDep, _moderator: ReadingLead, name: str) -> HTMLResponse:
    """One section, for the page to put in the place of the older one."""
    section = next((one for one in SECTIONS if one.name == name), None)
    if section is None:
        raise HTTPException(404)
    values = section.read(services.database)
    return page(request, "operator/section.html", section=section, still=False, **values)
