"""A broker that is not there, or does not answer, costs bounded time and loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runtime.adapters.clock import SystemClock
from runtime.adapters.kafka import KafkaBus
from runtime.adapters.rabbitmq import RabbitmqBus
from runtime.problem import Unavailable
from runtime.settings import SettingsError
from tests.ports import kafka_platform, rabbitmq_platform
from tests.ports.consumers import Recorder, consumer
from tests.ports.platforms import until
from tests.ports.sample import PotOpened

pytestmark = pytest.mark.anyio

EVENT = PotOpened("pot_1", "usr_ann").envelope("evt_1", "2026-11-22T09:30:00.000Z")


async def open_kafka(port: int) -> Any:
    return await KafkaBus.open(
        f"127.0.0.1:{port}", kafka_platform.wiring(), clock=SystemClock(), prefix="none-"
    )


async def open_rabbitmq(port: int) -> Any:
    url = f"amqp://budget:hunter2@127.0.0.1:{port}/"
    wiring = rabbitmq_platform.wiring()
    return await RabbitmqBus.open(url, wiring, clock=SystemClock(), prefix="none-")


OPENERS: dict[str, Callable[[int], Awaitable[Any]]] = {
    "KAFKA_BROKER": open_kafka,
    "RABBITMQ_URL": open_rabbitmq,
}


class Proxy:
    """A port in front of a server, which can fall silent, or cut all connections."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        """Listens on a port of its own."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def silence(self) -> None:
        """Nothing passes any more, as if the server hung."""
        self._flows.clear()

    def resume(self) -> None:
        """It passes again."""
        self._flows.set()

    async def cut(self) -> None:
        """Refuses connections, and ends those that are open."""
        self._server.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(*self._to)
        self._writers |= {writer, forth}
        for source, target in ((reader, forth), (back, writer)):
            task = asyncio.create_task(self._pass(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flows.wait()
                target.write(data)
                await target.drain()
        target.close()


@pytest.fixture
async def mute() -> AsyncIterator[int]:
    """A port where somebody listens and says nothing."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.mark.parametrize("name", OPENERS)
async def test_a_broker_that_refuses_is_named_at_the_start(name: str) -> None:
    with pytest.raises(SettingsError) as error:
        await OPENERS[name](1)
    [fault] = error.value.faults
    assert fault.startswith(f"{name}: the broker ")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("name", OPENERS)
async def test_a_broker_that_hangs_is_named_within_ten_seconds(name: str, mute: int) -> None:
    begun = time.monotonic()
    with pytest.raises(SettingsError) as error:
        await OPENERS[name](mute)
    # And as long again, at most, to let go of what was begun.
    assert time.monotonic() - begun < 16
    assert error.value.faults[0].startswith(f"{name}: the broker ")


@pytest.mark.server("rabbitmq")
async def test_a_broker_that_falls_silent_costs_bounded_time_and_comes_back(
    tmp_path: Path,
) -> None:
    real = urlsplit(os.environ["RABBITMQ_URL"])
    proxy = Proxy(real.hostname or "", real.port or 5672)
    await proxy.open()
    platform = rabbitmq_platform.RabbitmqPlatform(
        tmp_path, terms=replace(kafka_platform.TERMS, answer_within=0.5)
    )
    platform.url = real._replace(
        netloc=f"{real.username}:{real.password}@127.0.0.1:{proxy.port}"
    ).geturl()
    await platform.open()
    recorder = Recorder()
    bus = platform.rabbitmq
    await bus.start([consumer(recorder)])

    proxy.silence()
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.publish([EVENT])
    assert time.monotonic() - begun < 2
    assert await bus.check() is not None
    assert not await bus.drained(0.2)
    proxy.resume()
    # Not confirmed is not lost: the relay publishes it again, and the inbox knows the second.
    await bus.publish([replace(EVENT, id="evt_2")])
    await until(lambda: len(recorder.applied) == 2)
    assert await bus.check() is None

    await proxy.cut()
    with pytest.raises(Unavailable):
        await bus.publish([EVENT])
    await proxy.open()

    async def back() -> bool:
        try:
            await bus.publish([replace(EVENT, id="evt_3")])
        except Unavailable:
            return False
        return True

    async with asyncio.timeout(30):
        while not await back():  # noqa: ASYNC110 # the client comes back by itself
            await asyncio.sleep(0.1)
    await until(lambda: len(recorder.applied) >= 3)
    await platform.close()
    await proxy.cut()
    await platform.remove()
