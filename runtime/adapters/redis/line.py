"""The one connection over which a process asks Redis: who asks at once travels together.

redis-py's client takes 200 µs of CPU for a command alone. Here a batch is one write and one wait.
While Redis does not answer nobody waits for it: a call is refused at once, and a task looks every
half second whether it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool, parse_url
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from runtime.problem import Problem, Unavailable
from runtime.settings import SettingsError

log = logging.getLogger("runtime.redis")

# Seconds that a command may take before Redis counts as gone: it answers within one ms.
PATIENCE = 0.25
# Between looks whether it is back.
PAUSE = 0.5
# A start waits so long for it.
OPEN_WITHIN = 10.0
# Commands in one write.
_TOGETHER = 256

Word = str | bytes | int | float
Listener = Callable[[], None]
Batch = list[tuple[tuple[Word, ...], asyncio.Future[Any]]]


class Gone(Exception):
    """Redis does not answer, or not in time: go on without it."""


class Script:
    """A Lua script, by its digest."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        # EVALSHA names scripts so; nothing is secret.
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


def connection(url: str, name: str) -> AbstractConnection:
    """A connection of redis-py to `url`, not open yet; its own timeouts are for the handshake."""
    # Ours come last, whatever the URL's parameters say.
    terms: dict[str, Any] = {
        **parse_url(url),
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": None,
        "socket_connect_timeout": 2.0,
        "client_name": f"budget-manager-{name}",
    }
    pool = ConnectionPool(**terms)
    made: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py types only some of it
    return made


class Line:
    """Commands to one Redis. Used by one event loop. It is a dependency of `Health`."""

    name = "redis"

    def __init__(self, url: str, *, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self.url = url
        self.patience = patience
        self.pause = pause
        self._connection: AbstractConnection | None = None
        self._waiting: Batch = []
        self._running: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        self._on_back: list[Listener] = []

    @classmethod
    async def open(
        cls, url: str, *, patience: float = PATIENCE, within: float = OPEN_WITHIN
    ) -> Line:
        """Connected. Raises SettingsError, naming REDIS_URL and nothing of what is in it."""
        line = cls(url, patience=patience)
        fault = "cannot be reached"
        try:
            async with asyncio.timeout(within):
                while True:
                    try:
                        await line._connect()
                    except AuthenticationError:
                        fault = "refuses the user or the password"
                        break
                    except (TypeError, ValueError):
                        fault = "cannot be told from it: it must be redis://host:port/number"
                        break
                    except (OSError, RedisError):  # it may be starting too, or be loading its data
                        await asyncio.sleep(line.pause)
                    else:
                        return line
        except TimeoutError:
            if fault == "cannot be reached":
                fault = f"does not answer within {within:g} s"
        await line.close()
        raise SettingsError([f"REDIS_URL: the server {fault}"])

    @property
    def ready(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._connection is not None

    def on_back(self, listener: Listener) -> None:
        """Calls `listener` whenever Redis is back: what it holds may be old, or gone."""
        self._on_back.append(listener)

    def call(self, *words: Word) -> asyncio.Future[Any]:
        """Sends one command; its reply, in bytes. Raises Gone, or redis-py's ResponseError."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if self._connection is None:
            answer.set_exception(Gone())
            return answer
        self._waiting.append((words, answer))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return answer

    async def run(self, script: Script, keys: Sequence[Word], *arguments: Word) -> Any:
        """Runs a script over `keys`, which have one hash tag. Raises Gone, ResponseError."""
        try:
            return await self.call("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:  # a new server, or one that was restarted
            return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    async def check(self) -> Problem | None:
        """None when it answers."""
        try:
            await self.call("PING")
        except (Gone, ResponseError):
            return Unavailable("Redis does not answer: caches, limits and pushes are a process's.")
        return None

    async def close(self) -> None:
        """Ends the connection; every later call is refused as with Redis gone."""
        self._closed = True
        for task in (self._looking, self._running):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        lost, self._connection = self._connection, None
        _refuse(self._waiting)
        await _end(lost)

    # --- the batches ------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Batch after batch until nobody waits: what comes meanwhile goes with the next."""
        try:
            while self._waiting and self._connection is not None:
                batch = self._waiting[:_TOGETHER]
                del self._waiting[:_TOGETHER]
                try:
                    async with asyncio.timeout(self.patience):
                        await self._exchange(self._connection, batch)
                except (OSError, RedisError, TimeoutError) as error:
                    await self._lose(error, batch)
                finally:
                    _refuse(batch)  # those that are left, where this task is cancelled
        finally:
            self._running = None

    async def _exchange(self, connection: AbstractConnection, batch: Batch) -> None:
        packed = b"".join([_packed(words) for words, _ in batch])
        await connection.send_packed_command(packed, check_health=False)
        for _, answer in batch:
            try:
                reply = await connection.read_response(disable_decoding=True)
            except ReadOnlyError:  # no longer the primary: whoever answers next may be
                raise
            except ResponseError as refused:
                if not answer.done():
                    answer.set_exception(refused)
            else:
                if not answer.done():
                    answer.set_result(reply)

    async def _lose(self, error: Exception, batch: Batch) -> None:
        """Redis is gone: nobody waits for it any longer."""
        lost, self._connection = self._connection, None
        _refuse(batch)
        _refuse(self._waiting)
        if self._looking is None and not self._closed:
            log.warning("redis does not answer (%s): going on without it", type(error).__name__)
            self._looking = asyncio.create_task(self._look())
        await _end(lost)

    # --- coming back ------------------------------------------------------------------------------

    async def _look(self) -> None:
        while self._connection is None:
            await asyncio.sleep(self.pause)
            # Whatever is in the way now, it may be gone the next time.
            with suppress(OSError, RedisError, TimeoutError):
                await self._connect()
        self._looking = None
        log.warning("redis answers again")
        for listener in self._on_back:
            listener()

    async def _connect(self) -> None:
        made = connection(self.url, "line")
        try:
            async with asyncio.timeout(2.0):
                await made.connect()  # type: ignore[no-untyped-call]  # redis-py types only some of it
                await made.send_command("PING", check_health=False)
                await made.read_response(disable_decoding=True)
        except BaseException:
            await _end(made)
            raise
        self._connection = made


def _packed(words: tuple[Word, ...]) -> bytes:
    """A command as RESP has it; redis-py's own packing takes three times as long."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def _refuse(batch: Batch) -> None:
    """Tells those that still wait that Redis is gone."""
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(Gone())
    batch.clear()


async def _end(connection: AbstractConnection | None) -> None:
    """Closes it without a word to the server, which may not listen."""
    if connection is not None:
        with suppress(OSError, RedisError):
            await connection.disconnect(nowait=True)
