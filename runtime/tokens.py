"""What proves an identity: signed access tokens, and opaque secrets that are stored as hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from runtime.ports import Clock
from runtime.problem import Unauthenticated

LIFETIME = timedelta(minutes=15)
# Between the clocks of our own processes; a token's end is not stretched by it.
LEEWAY = timedelta(seconds=30)
LONGEST = 4096

_ALGORITHM = "HS256"
_HEADER = {"alg": _ALGORITHM, "typ": "at+jwt"}  # RFC 9068, 2.1
_TYPE = "access"
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FUTURE = "The access token is not valid yet."
_EXPIRED = "The access token has expired."
_INVALID = "The access token is not valid."


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says. Whether the session still stands is for the gate to ask."""

    user_id: str
    session_id: str
    expires_at: datetime


class AccessTokens:
    """Makes and checks JWTs (RFC 7519) with one algorithm, one key and one header.

    A verification costs about 60 µs; whoever checks often remembers the claims by the token's text.
    """

    def __init__(self, secret: bytes, issuer: str, audience: str, clock: Clock) -> None:
        if len(secret) < 32:
            raise ValueError("HS256 needs a key of 32 bytes or more (RFC 7518, 3.2)")
        self._key = OctKey.import_key(secret)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._registry = jws.JWSRegistry(algorithms=[_ALGORITHM])
        # We are the only issuer, so the header has one text. Comparing it refuses all header
        # attacks (none, swapped algorithms, kid, jku, jwk, x5u, crit) before any is interpreted.
        self._header = self._sign(b"{}").partition(".")[0] + "."

    def issue(self, user_id: str, session_id: str) -> str:
        """A token for 15 minutes from now."""
        now = int(self._clock.now().timestamp())
        claims = {
            "typ": _TYPE,
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user_id,
            "sid": session_id,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "nbf": now,
            "exp": now + int(LIFETIME.total_seconds()),
        }
        return self._sign(json.dumps(claims, separators=(",", ":")).encode())

    def verify(self, token: str) -> Claims:
        """The claims of a token that `issue` made. Raises Unauthenticated for any other text."""
        if (
            len(token) > LONGEST
            or not token.startswith(self._header)
            or not _SHAPE.fullmatch(token)
        ):
            raise Unauthenticated(_INVALID)
        try:
            # Also refuses what is not canonical base64: one token has one text.
            signed = jws.deserialize_compact(token, self._key, registry=self._registry)
            claims = json.loads(
                signed.payload, object_pairs_hook=_no_repeats, parse_constant=_no_constant
            )
        except (JoseError, ValueError, RecursionError):
            raise Unauthenticated(_INVALID) from None
        return self._checked(claims)

    def _sign(self, payload: bytes) -> str:
        return jws.serialize_compact(dict(_HEADER), payload, self._key, registry=self._registry)

    def _checked(self, claims: Any) -> Claims:
        """The claims for us: a signature proves who wrote it, not that it is meant here."""
        if (
            type(claims) is not dict
            or claims.get("typ") != _TYPE
            or claims.get("iss") != self._issuer
            or claims.get("aud") != self._audience
        ):
            raise Unauthenticated(_INVALID)
        user_id, session_id = _text(claims, "sub"), _text(claims, "sid")
        _text(claims, "jti")
        issued, begins, ends = (_moment(claims, name) for name in ("iat", "nbf", "exp"))
        now = self._clock.now()
        if issued - LEEWAY > now or begins - LEEWAY > now:
            raise Unauthenticated(_FUTURE)
        if ends <= now:
            raise Unauthenticated(_EXPIRED)
        if ends - issued > LIFETIME:
            raise Unauthenticated(_INVALID)
        return Claims(user_id, session_id, ends)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a claim is repeated")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if type(value) is not str or not value:
        raise Unauthenticated(_INVALID)
    return value


def _moment(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    # Not bool, not float: RFC 7519 would allow fractions, but we never write them.
    if type(value) is not int or not 0 <= value < 1 << 34:
        raise Unauthenticated(_INVALID)
    return datetime.fromtimestamp(value, UTC)


# --- opaque secrets: refresh tokens, mailed tokens, socket tickets --------------------------------

_PREFIX = "bm_"  # so that scanners find a leaked one, and our log takes it out


def new_secret() -> str:
    """256 random bits, safe in a URL: `bm_` and 43 characters."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_secret(text: str) -> str:
    """What is stored of a secret: SHA-256 in hex. 256 random bits need no salt or stretching."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def same_secret(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose: no two uses of the platform's secret share a key."""
    return hmac.digest(secret, purpose.encode(), "sha256")
