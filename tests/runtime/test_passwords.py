"""Passwords are checked, hashed in bounded numbers, and compared in the same time whoever asks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import bcrypt
import pytest

from runtime.common_passwords import COMMON
from runtime.passwords import Passwords, check_policy
from runtime.problem import Unavailable

pytestmark = pytest.mark.anyio
GOOD = "a quiet blue budget"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(cost=4)
    yield made
    made.close()


def codes(password: str, email: str = "kim@example.org") -> list[str]:
    return [fault.code for fault in check_policy(password, email)]


# --- which are accepted ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        (GOOD, []),
        ("x" * 8 + "y", ["password-too-short"]),
        ("ten chars!", []),
        ("äöüäöüäöü", ["password-too-short"]),
        ("x" * 71 + "yz", ["password-too-long"]),
        ("x" * 71 + "y", []),
        ("é" * 35 + "abc", ["password-too-long"]),
        ("password123", ["password-common"]),
        ("PassWord123!", ["password-common"]),
        (" 1234567890 ", ["password-common"]),
        ("aaaaaaaaaaaa", ["password-common"]),
        ("", ["password-too-short"]),
        ("\ud800" * 12, ["password-common"]),
        ("\ud800 and nine more", []),
    ],
)
async def test_a_password_has_10_characters_to_72_bytes_and_is_not_common(
    password: str, wrong: list[str]
) -> None:
    assert codes(password) == wrong


async def test_a_password_is_not_the_address() -> None:
    assert codes("Kim@Example.org") == ["password-is-email"]
    assert codes("kim@example.com") == []


async def test_all_faults_are_told_at_once_and_where_they_are() -> None:
    faults = check_policy("k@e.eu", "K@e.eu", "/newPassword")
    assert [fault.code for fault in faults] == ["password-too-short", "password-is-email"]
    assert {fault.pointer for fault in faults} == {"/newPassword"}
    assert not any("k@e.eu" in fault.message for fault in faults)


async def test_the_common_ones_are_some_hundreds_each_long_enough_to_matter() -> None:
    assert 300 < len(COMMON) < 1000
    assert all(len(each) >= 10 and each == each.casefold() for each in COMMON)


# --- hashes ---------------------------------------------------------------------------------------


async def test_a_hash_fits_its_password_only(passwords: Passwords) -> None:
    hashed = await passwords.hash(GOOD)
    assert hashed.startswith("$2b$04$")
    assert hashed != await passwords.hash(GOOD)
    assert await passwords.verify(GOOD, hashed)
    assert not await passwords.verify(GOOD + "x", hashed)
    assert not await passwords.verify("", hashed)


async def test_a_keyboard_that_composes_letters_differently_still_signs_in(
    passwords: Passwords,
) -> None:
    assert await passwords.verify("cafe\u0301 au lait", await passwords.hash("caf\u00e9 au lait"))


async def test_bytes_behind_the_72nd_are_never_ignored(passwords: Passwords) -> None:
    longest = "x" * 72
    hashed = await passwords.hash(longest)
    assert await passwords.verify(longest, hashed)
    assert not await passwords.verify(longest + "y", hashed)
    assert not await passwords.verify("x" * 100_000, hashed)
    for refused in (longest + "y", ""):
        with pytest.raises(ValueError, match="check_policy"):
            await passwords.hash(refused)


async def test_a_nul_does_not_end_a_password(passwords: Passwords) -> None:
    hashed = await passwords.hash("ten\x00chars one")
    assert not await passwords.verify("ten\x00chars two", hashed)


async def test_nobodys_password_fits_and_costs_the_same_work(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []
    real = bcrypt.checkpw

    def watched(password: bytes, hashed: bytes) -> bool:
        compared.append(hashed[:7])
        return real(password, hashed)

    hashed = await passwords.hash(GOOD)
    monkeypatch.setattr(bcrypt, "checkpw", watched)
    assert not await passwords.verify(GOOD, None)
    assert not await passwords.verify("x" * 100, None)
    assert not await passwords.verify("x" * 100, hashed)
    assert await passwords.verify(GOOD, hashed)
    assert compared == [b"$2b$04$"] * 4


async def test_the_same_time_passes_for_nobody_and_somebody() -> None:
    passwords = Passwords(cost=8, threads=1)
    hashed = await passwords.hash(GOOD)

    async def fastest(known: str | None) -> float:
        times = []
        for _ in range(7):
            began = time.perf_counter()
            await passwords.verify("not the password", known)
            times.append(time.perf_counter() - began)
        return min(times)

    somebody, nobody = await fastest(hashed), await fastest(None)
    passwords.close()
    assert 0.5 < nobody / somebody < 2


# --- bounded --------------------------------------------------------------------------------------


async def test_more_than_the_threads_and_the_line_take_is_refused_with_a_time_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords(cost=4, threads=2, waiting=3)
    gate = threading.Event()

    def held(password: bytes, hashed: bytes) -> bool:
        gate.wait(10)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", held)
    calls = [asyncio.ensure_future(passwords.verify(GOOD, None)) for _ in range(9)]
    for call in calls[5:]:
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.retry_after is not None
        assert caught.value.retry_after >= 1
    gate.set()
    assert not any(await asyncio.gather(*calls[:5]))
    # The line is free again.
    assert not await passwords.verify(GOOD, None)
    passwords.close()


async def test_a_caller_that_gives_up_leaves_the_line_and_never_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords(cost=4, threads=1, waiting=1)
    gate, begun, ran = threading.Event(), threading.Event(), []

    def held(password: bytes, hashed: bytes) -> bool:
        ran.append(password)
        begun.set()
        gate.wait(10)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", held)
    running = asyncio.ensure_future(passwords.verify("running", None))
    await asyncio.to_thread(begun.wait, 10)
    impatient = asyncio.ensure_future(passwords.verify("impatient", None))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.verify("one too many", None)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    patient = asyncio.ensure_future(passwords.verify("patient", None))
    await asyncio.sleep(0)
    gate.set()
    assert not any(await asyncio.gather(running, patient))
    assert ran == [b"running", b"patient"]
    passwords.close()


async def test_the_loop_runs_on_while_a_hash_is_made(passwords: Passwords) -> None:
    making = asyncio.ensure_future(passwords.hash(GOOD))
    turns = 0
    while not making.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 1
