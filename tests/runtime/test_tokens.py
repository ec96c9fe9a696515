"""Only what `issue` made is an access token: some 1,300 forgeries, none accepted."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from runtime.problem import Unauthenticated
from runtime.tokens import (
    AccessTokens,
    derive_key,
    hash_secret,
    new_secret,
    same_secret,
)

KEY = b"the-right-key-the-right-key-the-right-key"
ISSUER, AUDIENCE = "budget-manager", "budget-manager-api"
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NOW = int(START.timestamp())
HEADER = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "typ": "access",
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "usr_1",
    "sid": "ses_1",
    "jti": "j",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 900,
}


class Turned:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def today(self) -> date:
        return self.at.date()


def tokens(clock: Turned | None = None) -> AccessTokens:
    return AccessTokens(KEY, ISSUER, AUDIENCE, clock or Turned())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def forge(
    claims: Any = CLAIMS, header: Any = HEADER, key: bytes = KEY, algorithm: str = "sha256"
) -> str:
    """A token as anybody could write one, with the right key if they had it."""
    signed = f"{b64(text(header))}.{b64(text(claims))}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), algorithm))}"


def test_an_issued_token_names_its_user_and_session_for_15_minutes() -> None:
    clock = Turned()
    made = tokens(clock)
    token = made.issue("usr_1", "ses_1")
    claims = made.verify(token)
    assert (claims.user_id, claims.session_id) == ("usr_1", "ses_1")
    assert claims.expires_at == START + timedelta(minutes=15)
    clock.at = START + timedelta(minutes=15) - timedelta(milliseconds=1)
    assert made.verify(token) == claims
    clock.at = START + timedelta(minutes=15)
    with pytest.raises(Unauthenticated, match="expired"):
        made.verify(token)


def test_no_two_tokens_are_the_same() -> None:
    made = tokens()
    assert len({made.issue("usr_1", "ses_1") for _ in range(100)}) == 100


def test_another_process_with_the_same_key_accepts_it_with_its_clock_30_s_behind() -> None:
    token = tokens().issue("usr_1", "ses_1")
    behind = Turned()
    behind.at = START - timedelta(seconds=30)
    assert tokens(behind).verify(token).user_id == "usr_1"
    behind.at = START - timedelta(seconds=31)
    with pytest.raises(Unauthenticated, match="not valid yet"):
        tokens(behind).verify(token)


def test_the_forgers_tool_could_make_a_real_one() -> None:
    # Else the forgeries below might be refused for a reason of their own.
    assert tokens().verify(forge()).session_id == "ses_1"


# --- forgeries ------------------------------------------------------------------------------------


def bad_headers() -> Iterator[tuple[str, str]]:
    own = {"kty": "oct", "k": b64(b"forger" * 8)}
    changes: list[dict[str, Any]] = [
        *({"alg": name} for name in ("none", "None", "NONE", "nOnE", "", "hs256", "HS256 ")),
        *({"alg": value} for value in (None, 0, True, ["HS256"], {"HS256": 1})),
        *({"alg": name} for name in ("RS256", "RS512", "PS256", "ES256", "EdDSA", "HS1", "dir")),
        *({"typ": name} for name in ("JWT", "jwt", "AT+JWT", "at+jwt ", "dpop+jwt", "", None, 1)),
        *({"kid": name} for name in ("", "1", "../../../dev/null", "/dev/null", "' OR 1=1 --")),
        *(
            {"kid": name}
            for name in ("file:///dev/null", "http://forger", "|id", "\x00", "k" * 300)
        ),
        *({"kid": value} for value in (None, 1, True, ["1"], {"kty": "oct"})),
        *({name: "https://forger.example/keys"} for name in ("jku", "x5u")),
        *({"jwk": own}, {"jwk": None}, {"x5c": ["MIIB"]}, {"x5t": "a"}, {"x5t#S256": "a"}),
        *({"crit": ["exp"], "exp": NOW}, {"crit": []}, {"crit": ["b64"], "b64": False}),
        *({"b64": False}, {"b64": True}, {"zip": "DEF"}, {"cty": "JWT"}, {"enc": "A128GCM"}),
        *({"apu": "x"}, {"iss": ISSUER}, {"nonce": "1"}, {"": ""}, {"url": "/"}, {"p2c": 1}),
    ]
    for change in changes:
        for key in (KEY, b"", b"forger" * 8, b"\x00" * 32):
            yield f"header {change} key {key[:6]!r}", forge(header={**HEADER, **change}, key=key)
        unsigned = forge(header={**HEADER, **change}).rpartition(".")[0]
        yield f"header {change} unsigned", f"{unsigned}."
        yield f"header {change} without signature", unsigned
    for name in HEADER:
        yield f"no {name}", forge(header={k: v for k, v in HEADER.items() if k != name})
    texts = (
        b'{"typ":"at+jwt","alg":"HS256"}',
        b'{"alg":"HS256", "typ":"at+jwt"}',
        b' {"alg":"HS256","typ":"at+jwt"}',
        b'{"alg":"none","alg":"HS256","typ":"at+jwt"}',
        b'{"alg":"HS256","alg":"none","typ":"at+jwt"}',
        b'{"alg":"HS256","typ":"at+jwt"}\n',
        b'\xef\xbb\xbf{"alg":"HS256","typ":"at+jwt"}',
        b'{"\\u0061lg":"HS256","typ":"at+jwt"}',
        b"[]",
        b"null",
        b"{}",
        b'"HS256"',
        b"\xff\xfe",
        b"{" * 100,
        b"[" * 3000,
    )
    for raw in texts:
        yield f"header text {raw[:40]!r}", forge(header=raw)
    for algorithm in ("sha384", "sha512"):
        header = {**HEADER, "alg": "HS" + algorithm[3:]}
        yield algorithm, forge(header=header, algorithm=algorithm)
        yield f"{algorithm} under HS256", forge(algorithm=algorithm)


def swapped_algorithms() -> Iterator[tuple[str, str]]:
    private = rsa.generate_private_key(65537, 2048)
    for style in (
        serialization.PublicFormat.SubjectPublicKeyInfo,
        serialization.PublicFormat.PKCS1,
    ):
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            public = private.public_key().public_bytes(encoding, style)
            for alg in ("HS256", "RS256", "PS256"):
                for key in (public, public.strip()):
                    header = {**HEADER, "alg": alg}
                    yield f"HMAC by public key, {alg}", forge(header=header, key=key)
    for alg in ("RS256", "HS256"):
        signed = f"{b64(text({**HEADER, 'alg': alg}))}.{b64(text(CLAIMS))}"
        signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        yield f"RSA signature under {alg}", f"{signed}.{b64(signature)}"


def wrong_keys() -> Iterator[tuple[str, str]]:
    keys = [
        b"",
        b"secret",
        b"\x00" * 32,
        b"changeme",
        KEY[:-1],
        KEY[1:],
        KEY + b"\x01",
        KEY.upper(),
    ]
    keys += [hashlib.sha256(KEY).digest(), b64(KEY).encode(), KEY.hex().encode(), KEY[::-1]]
    keys += [derive_key(KEY, purpose) for purpose in ("page", "access", "")]
    keys += [hashlib.sha256(bytes([n])).digest() for n in range(40)]
    for key in keys:
        yield f"key {key[:10]!r}", forge(key=key)


def bad_claims() -> Iterator[tuple[str, str]]:
    strings: list[Any] = ["", " ", "none", "\x00", None, 0, 1, True, [], {}, ["a", "b"]]
    wrong: dict[str, list[Any]] = {
        "iss": [*strings, [ISSUER], ISSUER.upper(), ISSUER + " ", ISSUER + "\x00", "forger"],
        "aud": [*strings, [AUDIENCE], [AUDIENCE, "x"], AUDIENCE + "/", "*", "budget-manager"],
        "typ": [*strings, "refresh", "Access", "at+jwt", "JWT", "id", ["access"], "socket-ticket"],
        "sub": ["", None, 0, 1, True, [], {}, ["usr_1"]],
        "sid": ["", None, 0, 1, True, [], {}, ["ses_1"]],
        "jti": ["", None, 0, 1, True, [], {}],
    }
    times: list[Any] = ["", str(NOW), None, True, False, [], {}, [NOW], float(NOW), NOW + 0.5]
    times += [-1, -(2**63), 2**34, 2**63, 2**64, 10**30, 1e300]
    wrong["iat"] = [*times, *(NOW + ahead for ahead in (31, 60, 300, 3600, 86400, 10**6)), 0, 1]
    wrong["nbf"] = [*times, *(NOW + ahead for ahead in (31, 32, 60, 300, 3600, 86400, 10**6))]
    wrong["exp"] = [*times, *(NOW - late for late in (0, 1, 2, 29, 30, 31, 900, 86400, NOW))]
    wrong["exp"] += [NOW + 901, NOW + 3600, NOW + 10**6, 2**33]
    for name, values in wrong.items():
        yield f"no {name}", forge({k: v for k, v in CLAIMS.items() if k != name})
        for value in values:
            yield f"{name}={value!r}", forge({**CLAIMS, name: value})
        again = text(CLAIMS)[:-1] + b"," + text({name: CLAIMS[name]})[1:]
        yield f"{name} twice", forge(again)
        first = b'{"' + name.encode() + b'":0,' + text(CLAIMS)[1:]
        yield f"{name} twice, first wrong", forge(first)
    texts = (
        *(b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"\xff", b"[" * 2500, b"NaN"),
        *(text([CLAIMS]), text(CLAIMS) + b"x", text(CLAIMS) + text(CLAIMS)),
        text(CLAIMS)[:-1] + b',"x":NaN}',
        text(CLAIMS)[:-1] + b',"x":Infinity}',
        text(CLAIMS)[:-1] + b',"x":{"a":1,"a":2}}',
        text(CLAIMS)[:-1] + b',"x":"\xff"}',
        text(CLAIMS)[:-1] + b',"x":' + b"[" * 2000 + b"]" * 600 + b"}",
    )
    for payload in texts:
        yield f"claims text {payload[:40]!r}", forge(payload)
    yield "oversize", forge({**CLAIMS, "x": "y" * 4096})


def broken_texts() -> Iterator[tuple[str, str]]:
    good = forge()
    header, payload, signature = good.split(".")
    for length in range(len(good)):
        yield f"cut at {length}", good[:length]
    for place, letter in enumerate(good):
        yield f"letter {place}", good[:place] + ("A" if letter != "A" else "B") + good[place + 1 :]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    for bits in range(1, 4):  # 43 letters hold 258 bits: two of them are not the signature's
        yield f"other last bits {bits}", good[:-1] + alphabet[last ^ bits]
    for mark in ("=", "==", "\n", "\r\n", " ", "\t", "\x00", "é", ".", "A", "AA", "\ud800", "%3D"):
        yield f"{mark!r} behind", good + mark
        yield f"{mark!r} before", mark + good
        for place in (len(header), len(header) + 1, len(good) - 5):
            yield f"{mark!r} inside", good[:place] + mark + good[place:]
    other = forge({**CLAIMS, "sub": "usr_2"}).split(".")
    yield "another's claims", f"{header}.{other[1]}.{signature}"
    yield "another's signature", f"{header}.{payload}.{other[2]}"
    for parts in (
        ("", "", ""),
        (header, "", signature),
        (header, payload, ""),
        (payload, header, signature),
        (header, payload, signature, signature),
        (header, payload, signature, "", ""),
        (header, "", payload, "", signature),
    ):
        yield f"{len(parts)} parts", ".".join(parts)
    for whole in ("", ".", "..", "...", "null", "undefined", "Bearer", "Bearer " + good, "{}"):
        yield f"text {whole[:10]!r}", whole
    yield "an opaque secret", new_secret()
    yield "standard alphabet", good.replace("-", "+").replace("_", "/") + "+"
    yield "twice", f"{good},{good}"
    yield "huge", "A" * 1_000_000
    yield "huge with our header", f"{header}." + "A" * 1_000_000


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        (bad_headers, 300),
        (swapped_algorithms, 20),
        (wrong_keys, 50),
        (bad_claims, 180),
        (broken_texts, 500),
    ],
)
def test_no_forged_token_is_accepted(kind: Any, least: int) -> None:
    made = tokens()

    def accepted(token: str) -> bool:
        with contextlib.suppress(Unauthenticated):
            made.verify(token)
            return True
        return False

    forged = list(kind())
    assert len({token for _, token in forged}) >= least
    assert [how for how, token in forged if accepted(token)] == []


def test_a_token_for_another_issuer_or_audience_is_refused_though_the_key_is_the_same() -> None:
    for issuer, audience in (("other", AUDIENCE), (ISSUER, "other")):
        token = AccessTokens(KEY, issuer, audience, Turned()).issue("usr_1", "ses_1")
        with pytest.raises(Unauthenticated):
            tokens().verify(token)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AccessTokens(b"k" * 31, ISSUER, AUDIENCE, Turned())


# --- opaque secrets -------------------------------------------------------------------------------


def test_opaque_secrets_are_unguessable_and_safe_in_a_url() -> None:
    made = {new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(each) == 46 and each.startswith("bm_") for each in made)
    assert all(each.replace("-", "").replace("_", "").isalnum() for each in made)


def test_only_the_hash_of_a_secret_needs_to_be_stored() -> None:
    secret = new_secret()
    assert hash_secret(secret) == hashlib.sha256(secret.encode()).hexdigest()
    assert same_secret(hash_secret(secret), hash_secret(secret))
    assert not same_secret(hash_secret(secret), hash_secret(new_secret()))
    # What a client sends may be any text that JSON can carry.
    assert len(hash_secret("\ud800é")) == 64
    assert not same_secret("\ud800é", "é")


def test_each_purpose_has_its_own_key() -> None:
    keys = {derive_key(KEY, purpose) for purpose in ("page", "ticket")} | {KEY}
    assert len(keys) == 3
    assert derive_key(KEY, "page") == derive_key(KEY, "page")
