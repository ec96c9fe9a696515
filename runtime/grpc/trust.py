"""How one of our services knows another: short-lived vouchers, signed with a key of their own.

The key is derived from JWT_SECRET, so that a voucher is no access token and an access token is no
voucher, whatever they say. A voucher is for one operation; it may name the caller that the asking
service has admitted, where that caller has no token to send on (a ticket, a background task).
"""

from __future__ import annotations

import json
from time import monotonic
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from runtime.call import Caller
from runtime.ports import Clock
from runtime.problem import Unauthenticated
from runtime.tokens import derive_key

# Seconds: what is under way arrives, what is stolen is soon worthless.
LIFETIME = 60
# Between the clocks of our own machines.
LEEWAY = 30
_REUSED_FOR = 20.0
_MOST = 10_000
_TYPE = "service"
_HEADER = {"alg": "HS256", "typ": "service+jwt"}
_LONGEST = 8192


class Voucher(NamedTuple):
    """Whom a voucher names, and whether it is a user's own call that another process sent on."""

    caller: Caller | None
    forwarded: bool


class Vouchers:
    """Makes and checks vouchers. Both are remembered for some seconds: a signature costs 50 µs."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._key = OctKey.import_key(derive_key(secret, "between services"))
        self._clock = clock
        self._registry = jws.JWSRegistry(algorithms=["HS256"])
        self._made: dict[tuple[str, Caller | None, bool], tuple[str, float]] = {}
        self._checked: dict[tuple[str, str], tuple[Voucher, float]] = {}

    def issue(
        self, operation: str, caller: Caller | None = None, *, forwarded: bool = False
    ) -> str:
        """A voucher for one operation, in the name of `caller` where one is given.

        `forwarded`: a user's own call that is only sent on, to be judged where it arrives.
        """
        known = self._made.get((operation, caller, forwarded))
        if known is not None and known[1] > monotonic():
            return known[0]
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {"typ": _TYPE, "aud": operation, "iat": now, "exp": now + LIFETIME}
        if forwarded:
            claims["fwd"] = True
        if caller is not None:
            claims["caller"] = {
                "sub": caller.user_id,
                "sid": caller.session_id,
                "role": caller.role,
                "scopes": sorted(caller.scopes),
                "withheld": sorted(caller.withheld),
                "verified": caller.verified,
            }
        text = jws.serialize_compact(
            dict(_HEADER),
            json.dumps(claims, separators=(",", ":")).encode(),
            self._key,
            registry=self._registry,
        )
        _keep(self._made, (operation, caller, forwarded), (text, monotonic() + _REUSED_FOR))
        return text

    def check(self, voucher: str, operation: str) -> Voucher:
        """What a voucher for `operation` says. Raises Unauthenticated for any other text."""
        known = self._checked.get((voucher, operation))
        if known is not None and known[1] > monotonic():
            return known[0]
        claims = self._claims(voucher)
        now = self._clock.now().timestamp()
        if (
            claims.get("typ") != _TYPE
            or claims.get("aud") != operation
            or not claims["iat"] - LEEWAY <= now < claims["exp"] + LEEWAY
            or claims["exp"] - claims["iat"] > LIFETIME
        ):
            raise Unauthenticated("The voucher is not good for this.")
        told = claims.get("caller")
        found = Voucher(None if told is None else _caller(told), claims.get("fwd") is True)
        _keep(self._checked, (voucher, operation), (found, monotonic() + _REUSED_FOR))
        return found

    def _claims(self, voucher: str) -> dict[str, Any]:
        if len(voucher) <= _LONGEST:
            try:
                signed = jws.deserialize_compact(voucher, self._key, registry=self._registry)
                if signed.headers() == _HEADER:
                    claims = json.loads(signed.payload)
                    if type(claims.get("iat")) is int and type(claims.get("exp")) is int:
                        return dict(claims)
            except (JoseError, ValueError, AttributeError, RecursionError):
                pass
        raise Unauthenticated("The voucher is not valid.")


def _caller(told: dict[str, Any]) -> Caller:
    """What one of ours has written needs no second look."""
    return Caller(
        told["sub"],
        told["sid"],
        told["role"],
        frozenset(told["scopes"]),
        told["verified"],
        frozenset(told["withheld"]),
    )


def _keep(known: dict[Any, Any], key: Any, value: Any) -> None:
    if len(known) >= _MOST:
        del known[next(iter(known))]
    known[key] = value
