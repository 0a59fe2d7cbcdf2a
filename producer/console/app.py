"""The console as an application of its own, mounted under /console."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from producer.api.address_limit import AddressLimit
from producer.api.last_resort import LastResort
from producer.console import (
    banks,
    bulk,
    case_pictures,
    cases,
    decide,
    faults,
    figures,
    measures,
    oidc,
    operator,
    policy,
    queues,
    record,
    sign_in,
)
from producer.console.headers import SecureHeaders
from producer.console.static_files import ConsoleFiles
from producer.moderation.office import Office
from producer.moderation.oidc import Oidc
from producer.services import Services
from producer.settings import ProducerSettings

SIGN_INS_PER_MINUTE = 20.0
_FOR_ALL = (sign_in, oidc, queues, cases, decide, case_pictures)
_FOR_LEADS = (bulk, measures, record, figures, banks, policy, operator)
ROUTERS: tuple[APIRouter, ...] = tuple(resource.router for resource in (*_FOR_ALL, *_FOR_LEADS))


def create_console(services: Services) -> FastAPI:
    """The application, on services that somebody else closes."""
    # Paths as they are written: /console/cases/ is no page, and no schema tells strangers what pages there are.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    app.state.office = Office.open(services.database, services.objects, services.submitter.policy)
    app.state.sign_ins = AddressLimit(SIGN_INS_PER_MINUTE)
    app.state.oidc = _oidc(services.settings)
    app.add_middleware(LastResort, answer=faults.unforeseen)
    app.add_middleware(SecureHeaders)
    faults.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", ConsoleFiles())
    return app


def _oidc(settings: ProducerSettings) -> Oidc | None:
    if settings.oidc_issuer is None:
        return None
    return Oidc(settings.oidc_issuer, settings.oidc_client_id or "", settings.oidc_client_secret or "")
