"""Who is calling: API keys, their scopes, and how often their tenant may ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from producer.api.address_limit import AddressLimit
from producer.api.dependencies import ServicesDep
from producer.errors import Refusal
from producer.services import Services
from storage.key_store import Principal

_bearer = HTTPBearer(auto_error=False, bearerFormat="API key", description="An API key: `ipd_...`.")


BEARER = "Authorization: Bearer <key>"


def principal_of(services: Services, key: str | None, header: str = BEARER) -> Principal:
    """Whose `key` it is, counted against the tenant's rate; `header` says how a key is sent.

    Raises Refusal: key_missing, key_invalid; TooManyRequests.
    """
    if not key:
        raise Refusal("key_missing", f"This needs an API key: send the header {header}.")
    principal = services.keys.authenticate(key)
    if principal is None:
        raise Refusal("key_invalid", "This API key is not known: it may be mistyped, expired or revoked.")
    if principal.requests_per_second is not None:
        # Before the body is read: a flood must not cost more than looking at its key.
        services.tenants.admit(principal.tenant_id, principal.requests_per_second)
    return principal


def allowed(principal: Principal, scope: str) -> Principal:
    """`principal`, if its key has the scope. Raises Refusal `scope_missing`."""
    if not principal.scopes & {scope, "admin"}:
        raise Refusal("scope_missing", f"This key may not do this: it lacks the scope `{scope}`.")
    return principal


def _principal(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    return principal_of(services, credentials.credentials if credentials else None)


def _needs(scope: str) -> Callable[[Principal], Principal]:
    def check(principal: Annotated[Principal, Depends(_principal)]) -> Principal:
        return allowed(principal, scope)

    return check


def _may_detect(
    request: Request,
    services: ServicesDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    """Who asks the detector: the tenant of a key, whatever its scopes, or anybody where the operator allows that."""
    if credentials is not None or not services.settings.public_detect:
        return _principal(services, credentials)
    cast(AddressLimit, request.app.state.strangers).admit(request.client.host if request.client else "")
    return None


MayDetect = Annotated[Principal | None, Depends(_may_detect)]
MaySubmit = Annotated[Principal, Depends(_needs("submit"))]
MayRead = Annotated[Principal, Depends(_needs("read"))]
