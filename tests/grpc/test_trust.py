"""What one of our services believes another, and what it does not."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from runtime.adapters.clock import TurnableClock
from runtime.call import Caller
from runtime.grpc.trust import LEEWAY, LIFETIME, Vouchers
from runtime.problem import Unauthenticated
from runtime.tokens import AccessTokens, derive_key

SECRET = b"a secret that only the tests know"
ANN = Caller("usr_1", "ses_1", "user", frozenset({"a", "b"}), True, frozenset({"c"}))


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


def test_a_voucher_names_its_caller_or_nobody(clock: TurnableClock) -> None:
    mine, theirs = Vouchers(SECRET, clock), Vouchers(SECRET, clock)
    assert theirs.check(mine.issue("getBudget", ANN), "getBudget") == (ANN, False)
    assert theirs.check(mine.issue("getBudget"), "getBudget") == (None, False)
    sent_on = mine.issue("getBudget", ANN, forwarded=True)
    assert theirs.check(sent_on, "getBudget") == (ANN, True)


def test_a_voucher_is_good_for_its_operation_and_its_time(clock: TurnableClock) -> None:
    voucher = Vouchers(SECRET, clock).issue("getBudget", ANN)
    with pytest.raises(Unauthenticated):
        Vouchers(SECRET, clock).check(voucher, "deleteBudget")
    clock.turn(timedelta(seconds=LIFETIME + LEEWAY - 1))
    assert Vouchers(SECRET, clock).check(voucher, "getBudget") == (ANN, False)
    clock.turn(timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        Vouchers(SECRET, clock).check(voucher, "getBudget")


def test_nobody_else_makes_a_voucher(clock: TurnableClock) -> None:
    vouchers = Vouchers(SECRET, clock)
    good = vouchers.issue("getBudget")
    head, payload, signature = good.split(".")
    tokens = AccessTokens(SECRET, "issuer", "audience", clock)
    now = int(clock.now().timestamp())
    claims = {"typ": "service", "aud": "getBudget", "iat": now, "exp": now + 60}
    own_key = OctKey.import_key(derive_key(SECRET, "between services"))

    def signed(header: dict[str, str], key: OctKey, **more: object) -> str:
        payload = json.dumps({**claims, **more}).encode()
        return jws.serialize_compact(dict(header), payload, key)

    usual = {"alg": "HS256", "typ": "service+jwt"}
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"service+jwt"}').decode().rstrip("=")
    assert vouchers.check(signed(usual, own_key), "getBudget") == (None, False)
    for forged in (
        "",
        "x",
        "a" * 10_000,
        f"{head}.{payload}.{signature[::-1]}",
        f"{none}.{payload}.",
        tokens.issue("usr_1", "ses_1"),
        Vouchers(SECRET + b"!", clock).issue("getBudget"),
        signed(usual, OctKey.import_key(SECRET)),
        signed({"alg": "HS256", "typ": "at+jwt"}, own_key),
        signed(usual, own_key, typ="access"),
        signed(usual, own_key, exp=now + 3600),
        signed(usual, own_key, exp="never"),
        signed(usual, own_key, iat=now + 3600, exp=now + 3660),
    ):
        with pytest.raises(Unauthenticated):
            vouchers.check(forged, "getBudget")
    with pytest.raises(Unauthenticated):
        tokens.verify(good)
