"""Signing in by an OpenID Connect provider: the code flow with PKCE (RFC 7636) and a nonce, by Authlib.

OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7. What counts is `sub`, which an admin gave to an account; neither
names nor mail addresses of a provider open anything.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from producer.errors import ProducerError

_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
_SECONDS, _LEEWAY = 10.0, 60
_KEPT_SECONDS = 3600.0


class OidcFailed(ProducerError):
    """The provider did not answer, or what it said does not prove who this is."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser has to bring back: kept in a cookie of its own, for some minutes."""

    state: str
    nonce: str
    verifier: str

    def as_text(self) -> str:
        """For the cookie."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @classmethod
    def from_text(cls, text: str) -> Attempt:
        """The attempt whose `as_text` this is. Raises OidcFailed."""
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):
            raise OidcFailed("This sign-in was not begun here, or too long ago. Begin again.")
        return cls(*parts)


@dataclass(slots=True)
class Oidc:
    """A provider. Safe to use from many threads; what it says of itself is asked for once an hour."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    _about: dict[str, Any] = field(default_factory=dict, repr=False)
    _asked: float = -_KEPT_SECONDS

    def begin(self, back: str) -> tuple[str, Attempt]:
        """Where the browser goes to sign in, and what it brings `back` to that address. Raises OidcFailed."""
        attempt = Attempt(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        with self._client(back) as client:
            address: str
            address, _ = client.create_authorization_url(
                self._said("authorization_endpoint"),
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return address, attempt

    def finish(self, attempt: Attempt, back: str, code: str, state: str) -> str:
        """The subject that the provider vouches for. Raises OidcFailed."""
        if not code or not secrets.compare_digest(attempt.state.encode(), state.encode()):
            raise OidcFailed("This sign-in was not begun here, or the provider refused it. Begin again.")
        try:
            with self._client(back) as client:
                token = client.fetch_token(
                    self._said("token_endpoint"),
                    code=code,
                    code_verifier=attempt.verifier,
                    grant_type="authorization_code",
                )
            return self._subject(token.get("id_token", ""), attempt.nonce)
        except (AuthlibBaseError, JoseError, httpx.HTTPError, ValueError, KeyError) as problem:
            raise OidcFailed("The provider's answer does not prove who you are. Begin again.") from problem

    def _subject(self, id_token: str, nonce: str) -> str:
        claims = jwt.decode(id_token, self._keys(), algorithms=_ALGORITHMS).claims
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        registry.validate(claims)
        if claims.get("azp", self.client_id) != self.client_id:
            raise ValueError("the token was issued to another client")
        return str(claims["sub"])

    def _keys(self) -> KeySet:
        answer = httpx.get(self._said("jwks_uri"), timeout=_SECONDS).raise_for_status()
        return KeySet.import_key_set(answer.json())

    def _said(self, name: str) -> str:
        """An address that the provider names (OpenID Connect Discovery 1.0). Raises OidcFailed."""
        if time.monotonic() - self._asked > _KEPT_SECONDS:
            self._about, self._asked = self._discovered(), time.monotonic()
        return str(self._about[name])

    def _discovered(self) -> dict[str, Any]:
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            about: dict[str, Any] = httpx.get(address, timeout=_SECONDS).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as problem:
            raise OidcFailed("The provider of accounts does not answer. Try again, or use your password.") from problem
        needed = {"authorization_endpoint", "token_endpoint", "jwks_uri"}
        if about.get("issuer") != self.issuer or not needed <= about.keys():
            raise OidcFailed("The provider calls itself otherwise than INPAINTD_OIDC_ISSUER does; tell the operator.")
        return about

    def _client(self, back: str) -> OAuth2Client:
        return OAuth2Client(
            self.client_id,
            self.client_secret,
            scope="openid",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=_SECONDS,
        )
