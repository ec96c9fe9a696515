"""Passwords: which we accept, and their bcrypt hashes, made beside the loop in bounded numbers."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from runtime.common_passwords import COMMON
from runtime.problem import InputError, Unavailable

T = TypeVar("T")

SHORTEST = 10  # characters
LONGEST = 72  # bytes of UTF-8: bcrypt reads no more
_TOO_LONG = b""


class Passwords:
    """Hashes and compares passwords in `threads` threads, where at most `waiting` more calls wait.

    At cost 12 a hash takes about 0.3 s of a core; bcrypt leaves the interpreter lock meanwhile.
    """

    def __init__(self, *, cost: int = 12, threads: int | None = None, waiting: int = 64) -> None:
        self._cost = cost
        self._threads = threads or os.cpu_count() or 1
        self._most = self._threads + waiting
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="bcrypt")
        self._lock = threading.Lock()
        self._under_way = 0
        self._seconds = 0.001 * 2 ** (cost - 4) / 2  # a guess, until the first is measured
        # Compared with where there is no user: no password has this hash, and it takes as long to
        # find that out as with a real one.
        self._nobody = bcrypt.gensalt(cost) + b"." * 31

    async def hash(self, password: str) -> str:
        """The hash to store. Raises ValueError for what `check_policy` refuses by its length."""
        secret = _normal(password)
        if not secret or len(secret) > LONGEST:
            raise ValueError("check_policy was not asked")
        made = await self._run(lambda: bcrypt.hashpw(secret, bcrypt.gensalt(self._cost)))
        return made.decode()

    async def verify(self, password: str, hash: str | None) -> bool:
        """Whether `hash` is this password's. None is nobody's, and takes the same time."""
        secret = _normal(password)
        known = self._nobody if hash is None else hash.encode()
        if len(secret) > LONGEST:
            # Nobody has such a password; the answer still takes as long as any other.
            secret, known = _TOO_LONG, self._nobody
        return await self._run(lambda: bcrypt.checkpw(secret, known))

    def close(self) -> None:
        """Gives up what waits; what runs is finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            ahead = self._under_way - self._threads
            if self._under_way >= self._most:
                raise Unavailable(
                    "Too many sign-ins at once.",
                    retry_after=max(1.0, ahead * self._seconds / self._threads),
                )
            self._under_way += 1
        future = self._pool.submit(self._timed, work)
        # Counted until it is over, not until somebody stops waiting: a caller that gives up while
        # its hash is made still takes a thread; one that gives up before leaves the line.
        future.add_done_callback(self._over)
        return await asyncio.wrap_future(future)

    def _timed(self, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        done = work()
        self._seconds = time.perf_counter() - began
        return done

    def _over(self, _: Future[T]) -> None:
        with self._lock:
            self._under_way -= 1


def check_policy(password: str, email: str, pointer: str = "/password") -> list[InputError]:
    """What is wrong with a new password; all of it. `pointer` is where the request has it."""
    secret = _normal(password)
    folded = _fold(password)
    faults: list[InputError] = []
    if len(unicodedata.normalize("NFC", password)) < SHORTEST:
        text = f"must have {SHORTEST} characters or more"
        faults.append(InputError(pointer, "password-too-short", text))
    if len(secret) > LONGEST:
        text = f"must have at most {LONGEST} bytes in UTF-8"
        faults.append(InputError(pointer, "password-too-long", text))
    if folded in COMMON or (folded and len(set(folded)) == 1):
        text = "is one of the passwords that are tried first"
        faults.append(InputError(pointer, "password-common", text))
    if email and folded == _fold(email):
        text = "must not be the mail address"
        faults.append(InputError(pointer, "password-is-email", text))
    return faults


def _normal(password: str) -> bytes:
    """The bytes that are hashed: NFC (RFC 8265, 4.2), since keyboards differ in how they say é."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
