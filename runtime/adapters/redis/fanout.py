"""Live messages to the listeners of all processes, by Redis pub/sub; the port is `Fanout`.

A process has one connection that hears for all its listeners, and subscribes only to what they
listen to. Its own messages it hands out itself, at once, so that with Redis gone it still hears
itself.
Between processes a message is the sender's mark (16 hex digits), a space, and the message.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import weakref
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from runtime.adapters.fanout import Channel, Listener, LocalFanout
from runtime.adapters.redis.line import Gone, Line, connection

log = logging.getLogger("runtime.redis")

# Seconds of silence after which the server is asked for a sign of life; it has as long again.
HEARTBEAT = 5.0
# Where a process says on which channels others have missed something of it.
_GAPS = "fanout.gaps"
# Channels that are remembered for that; of more, all count as missed.
_MOST_MISSED = 1000
_MARK = 16


class RedisFanout(LocalFanout):
    """Fanout over all processes at one Redis whose channels begin with `prefix`.

    A listener hears its own process from `listen()` on, and the others from when Redis has taken
    the subscription, which is sent at once: `settled` waits for that. Where messages of others may
    have been missed, as this connection or a sender's was lost, the listeners are ended once Redis
    is back: their clients resume from the store.
    """

    def __init__(
        self, line: Line, *, prefix: str = "budget:", heartbeat: float = HEARTBEAT
    ) -> None:
        super().__init__()
        self._line = line
        self._prefix = prefix
        self._heartbeat = heartbeat
        self._mark = secrets.token_hex(_MARK // 2).encode()
        # What the connection is subscribed to, or has asked to be; and what Redis has confirmed.
        self._asked: set[str] = set()
        self._confirmed: set[str] = set()
        self._changed = asyncio.Event()
        self._settled = asyncio.Condition()
        self._missed: set[str] = set()
        self._ended = False
        line.on_back(self._tell_gaps)
        self._telling: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._hearing = self._loop.create_task(self._hear())

    async def publish(self, channel: str, message: bytes) -> None:
        """To all that listen on `channel`: here at once, elsewhere unless Redis is gone."""
        await super().publish(channel, message)
        try:
            await self._line.call("PUBLISH", self._prefix + channel, self._mark + b" " + message)
        except (Gone, ResponseError):
            self._missed.add(channel)
            if len(self._missed) > _MOST_MISSED:
                self._missed = {"*"}

    def listen(self, channel: str, size: int = 256) -> Listener:
        """Messages from now on, to be read by one task."""
        known = channel in self._channels
        listener = super().listen(channel, size)
        if not known:
            # The last listener takes its channel with it, in whatever thread it is collected.
            weakref.finalize(self._channels[channel], self._left).atexit = False
            self._changed.set()
        return listener

    @property
    def connected(self) -> bool:
        """Whether other processes are heard, as far as is known now."""
        return bool(self._confirmed) and self._line.ready

    async def settled(self) -> None:
        """Waits until Redis has taken all subscriptions, and has let go of what nobody hears."""
        async with self._settled:
            await self._settled.wait_for(lambda: self._confirmed == self._wanted())

    async def aclose(self) -> None:
        """Ends every listener, and the connection; to be called before the line is closed."""
        self._ended = True
        self.close()
        self._hearing.cancel()
        for task in self._telling:
            task.cancel()
        await asyncio.gather(self._hearing, *self._telling, return_exceptions=True)

    def _wanted(self) -> set[str]:
        return {_GAPS, *self._channels}

    def _left(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._changed.set)

    # --- hearing ----------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Connects, hears, and begins again when the connection is lost."""
        lost = False
        while not self._ended:
            made = connection(self._line.url, "fanout")
            try:
                async with asyncio.timeout(2.0):
                    await made.connect()  # type: ignore[no-untyped-call]  # redis-py types only some of it
                if lost:
                    log.warning("the fan-out was cut off: its listeners resume from the store")
                    self._gap()
                await self._while_connected(made)
            except (OSError, RedisError, TimeoutError):
                pass
            except Exception:  # whatever it is, to hear nothing any more would be worse
                log.exception("the fan-out met what it does not know")
            finally:
                with suppress(OSError, RedisError):
                    await made.disconnect(nowait=True)
            lost = True
            self._asked, self._confirmed = set(), set()
            await asyncio.sleep(self._line.pause)

    async def _while_connected(self, made: AbstractConnection) -> None:
        """Subscribes and reads until one of them fails. Raises what it failed with."""
        tasks = [
            self._loop.create_task(self._subscribe(made)),
            self._loop.create_task(self._read(made)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _subscribe(self, made: AbstractConnection) -> None:
        """Keeps the subscriptions to what is listened to. The only one that writes."""
        while True:
            self._changed.clear()
            wanted = self._wanted()
            for command, channels in (
                ("SUBSCRIBE", wanted - self._asked),
                ("UNSUBSCRIBE", self._asked - wanted),
            ):
                if channels:
                    named = [self._prefix + channel for channel in channels]
                    await made.send_command(command, *named, check_health=False)
            self._asked = wanted
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._changed.wait()
            except TimeoutError:
                await made.send_command("PING", check_health=False)

    async def _read(self, made: AbstractConnection) -> None:
        start = len(self._prefix)
        while True:
            async with asyncio.timeout(2 * self._heartbeat):
                heard: Any = await made.read_response(disable_decoding=True, timeout=math.inf)
            kind = heard[0]
            if kind == b"message":
                channel = heard[1].decode()[start:]
                mark, parted, message = heard[2].partition(b" ")
                if mark == self._mark or len(mark) != _MARK or not parted:
                    continue
                if channel == _GAPS:
                    self._gap(*message.decode(errors="replace").split("\n"))
                else:
                    await super().publish(channel, message)
            elif kind in (b"subscribe", b"unsubscribe"):
                channel = heard[1].decode()[start:]
                async with self._settled:
                    if kind == b"subscribe":
                        self._confirmed.add(channel)
                    else:
                        self._confirmed.discard(channel)
                    self._settled.notify_all()

    # --- gaps -------------------------------------------------------------------------------------

    def _gap(self, *channels: str) -> None:
        """Ends the listeners of these channels, or of all: something may have been missed."""
        every = not channels or "*" in channels
        for name, channel in list(self._channels.items()):
            if every or name in channels:
                _end(channel)

    def _tell_gaps(self) -> None:
        """Redis is back: the others may have missed what was published here meanwhile."""
        missed, self._missed = self._missed, set()
        if missed and not self._ended:
            task = self._loop.create_task(self.publish(_GAPS, "\n".join(missed).encode()))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)


def _end(channel: Channel) -> None:
    for listener in tuple(channel.listeners):
        listener.end()
