"""/v1/keys: the tenant's API keys, for whoever has one with the scope `admin`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from producer.api.auth import MayAdmin
from producer.api.bodies import body_of, schema_of
from producer.api.dependencies import ServicesDep
from producer.api.problems import declared
from producer.api.schemas import storable
from storage.errors import KeyNotFound
from storage.key_store import ApiKey, NewKey

router = APIRouter(prefix="/v1/keys", tags=["keys"])

DAY = 86_400.0
LONGEST_LIFE = 10 * 365 * DAY
_ID = re.compile(r"key_[0-9a-z]{26}")
_BODY_CODES = ("json_invalid", "invalid_utf8", "body_too_large", "media_type_unsupported", "field_unknown")
_FIELD_CODES = ("field_missing", "not_a_choice", "wrong_type", "wrong_length", "out_of_range", "text_invalid")
Scope = Literal["submit", "read", "moderate", "admin"]


class NewKeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "web", "scopes": ["submit"]}]})

    name: Annotated[str, Field(max_length=100), AfterValidator(storable)] = Field(
        "", description="What it is for; yours to choose."
    )
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)] = Field(description="What it allows.")
    expires_in_seconds: Annotated[float, Field(gt=0, le=LONGEST_LIFE)] | None = Field(
        None, description="Unset: it opens until it is revoked."
    )


class KeyRotation(BaseModel):
    """How long the old key goes on opening beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keep_seconds": 3600}]})

    keep_seconds: Annotated[float, Field(ge=0, le=30 * DAY)] = Field(DAY, description="0: it ends at once.")


class KeyView(BaseModel):
    """An API key, without its text. `last_used_at` is exact to five minutes."""

    id: str = Field(examples=["key_06f3kq5x6m8v2n4p7r9t1w3y5z"])
    object: Literal["key"] = "key"
    name: str
    hint: str = Field(description="The first characters of its text.", examples=["ipd_3kq5x6"])
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKeyView(KeyView):
    """A new key with its text, which is shown this once."""

    key: str = Field(examples=["ipd_3kq5x6m8v2n4p7r9t1w3y5z06f3kq5x6m8v2n4p7r9"])


class KeyList(BaseModel):
    """All keys, oldest first; those that ended more than 30 days ago are not among them."""

    object: Literal["list"] = "list"
    data: list[KeyView]


def _one(key_id: Annotated[str, Path(description="A `key_` id.")]) -> str:
    if not _ID.fullmatch(key_id):
        raise KeyNotFound(key_id)
    return key_id


KeyId = Annotated[str, Depends(_one)]


@router.post(
    "",
    status_code=201,
    responses=declared(*_BODY_CODES, *_FIELD_CODES),
    openapi_extra=schema_of(NewKeyRequest),
    summary="Create a key",
)
def create(
    principal: MayAdmin, services: ServicesDep, body: Annotated[NewKeyRequest, Depends(body_of(NewKeyRequest))]
) -> NewKeyView:
    """A key of your tenant. Its text is in this answer and nowhere else."""
    life = None if body.expires_in_seconds is None else timedelta(seconds=body.expires_in_seconds)
    return _new_view(services.keys.issue(principal.tenant_id, body.scopes, name=body.name, life=life))


@router.get("", responses=declared(), summary="List keys")
def listed(principal: MayAdmin, services: ServicesDep) -> KeyList:
    """The keys of your tenant, the one you ask with among them."""
    return KeyList(data=[KeyView(**_fields(key)) for key in services.keys.list(principal.tenant_id)])


@router.delete("/{key_id}", responses=declared("key_not_found"), summary="Revoke a key")
def revoke(principal: MayAdmin, services: ServicesDep, key_id: KeyId) -> KeyView:
    """It opens nothing from now on. Safe to repeat."""
    return KeyView(**_fields(services.keys.revoke(key_id, principal.tenant_id)))


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    responses=declared("key_not_found", *_BODY_CODES, "out_of_range", "wrong_type"),
    openapi_extra=schema_of(KeyRotation),
    summary="Replace a key",
)
def rotate(
    principal: MayAdmin,
    services: ServicesDep,
    key_id: KeyId,
    body: Annotated[KeyRotation, Depends(body_of(KeyRotation))],
) -> NewKeyView:
    """A new key of the same name and scopes; the old one ends by itself when `keep_seconds` are over."""
    return _new_view(services.keys.rotate(key_id, principal.tenant_id, keep_seconds=body.keep_seconds))


def _new_view(made: NewKey) -> NewKeyView:
    return NewKeyView(**_fields(made.key), key=made.text)


def _fields(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in ApiKey.__slots__}
