"""Who is calling: API keys, their scopes, and how often their tenant may ask."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from producer.api.address_limit import AddressLimit
from producer.api.dependencies import services_of
from producer.errors import Refusal
from producer.services import Services
from storage.key_store import Principal

BEARER = "Authorization: Bearer <key>"


async def principal_of(services: Services, key: str | None, header: str = BEARER) -> Principal:
    """Whose `key` it is, counted against the tenant's rate; `header` says how a key is sent.

    Raises Refusal: key_missing, key_invalid; TooManyRequests.
    """
    if not key:
        raise Refusal("key_missing", f"This needs an API key: send the header {header}.")
    principal = services.keys.remembered(key) or await run_in_threadpool(services.keys.authenticate, key)
    if principal is None:
        raise Refusal("key_invalid", "This API key is not known: it may be mistyped, expired or revoked.")
    if principal.requests_per_second is not None:
        # Before the body is read: a flood must not cost more than looking at its key.
        await run_in_threadpool(services.tenants.admit, principal.tenant_id, principal.requests_per_second)
    return principal


def allowed(principal: Principal, scope: str) -> Principal:
    """`principal`, if its key has the scope. Raises Refusal `scope_missing`."""
    if not principal.scopes & {scope, "admin"}:
        raise Refusal("scope_missing", f"This key may not do this: it lacks the scope `{scope}`.")
    return principal


class _Bearer(SecurityBase):
    """Reads a key from a request. One dependency does all: FastAPI spends more on each than most of them do."""

    def __init__(self) -> None:
        self.model = BearerModel(bearerFormat="API key", description="An API key: `ipd_...`.")
        self.scheme_name = "HTTPBearer"

    def key(self, request: Request) -> str | None:
        """The key that came with `request`."""
        scheme, key = get_authorization_scheme_param(request.headers.get("Authorization"))
        return key if scheme.lower() == "bearer" else None


class _Needs(_Bearer):
    """The caller, whose key must have `scope`, or `admin`."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope

    async def __call__(self, request: Request) -> Principal:
        """Raises Refusal: key_missing, key_invalid, scope_missing; TooManyRequests."""
        return allowed(await principal_of(services_of(request), self.key(request)), self._scope)


class _AsksDetector(_Bearer):
    """Who asks the detector: the tenant of a key, whatever its scopes, or anybody where the operator allows that."""

    async def __call__(self, request: Request) -> Principal | None:
        """Raises as _Needs does."""
        services, key = services_of(request), self.key(request)
        if key is not None or not services.settings.public_detect:
            return await principal_of(services, key)
        cast(AddressLimit, request.app.state.strangers).admit(request.client.host if request.client else "")
        return None


MayDetect = Annotated[Principal | None, Depends(_AsksDetector())]
MaySubmit = Annotated[Principal, Security(_Needs("submit"), scopes=["submit"])]
MayRead = Annotated[Principal, Security(_Needs("read"), scopes=["read"])]
MayAdmin = Annotated[Principal, Security(_Needs("admin"), scopes=["admin"])]
