"""The promises of the port Outbox on servers, and of the relay that empties them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import pytest
from sqlalchemy import text

from runtime.adapters.clock import TurnableClock
from runtime.adapters.mysql.driver import LANES
from runtime.adapters.sql import SqlStore
from runtime.adapters.sql.engine import engine
from runtime.ports import Emit, Envelope, Insert, Outbox, Store
from runtime.problem import Unavailable
from runtime.relay import Relay
from tests.ports.platforms import until
from tests.ports.sample import PotOpened, pot
from tests.ports.sql_platforms import Postgres, Server
from tests.ports.sql_sample import SQL_TABLES

pytestmark = pytest.mark.anyio


async def emit(store: Store, owner: str, *ids: str) -> None:
    for id in ids:
        await store.commit(Emit(PotOpened(id, owner)))


def subjects(envelopes: Sequence[Envelope]) -> list[str]:
    return [envelope.subject for envelope in envelopes]


class Heard:
    """A bus that keeps what is published, and fails as often as it is told to."""

    def __init__(self, fails: int = 0, error: Exception | None = None) -> None:
        self.envelopes: list[Envelope] = []
        self.fails = fails
        self.error = error or Unavailable("not now")
        self.attempts: list[float] = []

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        self.attempts.append(time.monotonic())
        if self.fails:
            self.fails -= 1
            raise self.error
        self.envelopes += envelopes


# --- the outbox -----------------------------------------------------------------------------------


async def test_events_stay_until_they_are_cleared(server: Server) -> None:
    outbox = server.store.outbox
    await emit(server.store, "usr_ann", "a", "b", "c")
    taken = await outbox.take(2)
    assert subjects(taken) == ["a", "b"]
    assert await outbox.take(2) == taken
    assert taken[0].data == b'{"potId": "a", "ownerId": "usr_ann"}'
    assert await outbox.backlog() == (3, taken[0].time)
    await outbox.clear(taken)
    assert subjects(await outbox.take(10)) == ["c"]
    await outbox.clear([])
    await outbox.clear(await outbox.take(10))
    assert await outbox.take(10) == []
    assert await outbox.backlog() == (0, None)


async def test_each_service_has_its_own_events(server: Server) -> None:
    await emit(server.store, "usr_ann", "mine")
    await emit(server.other, "usr_ann", "yours")
    assert subjects(await server.store.outbox.take(10)) == ["mine"]
    (theirs,) = await server.other.outbox.take(10)
    await server.store.outbox.clear([theirs])
    assert subjects(await server.other.outbox.take(10)) == ["yours"]


async def test_events_of_one_commit_come_in_their_order(server: Server) -> None:
    names = [f"{number:02}" for number in range(30)]
    for some in (names[:1], names[1:4], names[4:]):
        await server.store.commit(
            Insert(pot()), *[Emit(PotOpened(name, f"usr_{name[-1]}")) for name in some]
        )
    assert subjects(await server.store.outbox.take(100)) == names


async def test_commits_of_one_key_take_turns(server: Server) -> None:
    """Else an event could be given before one that was committed earlier."""
    held = crc32(b"pot/usr_0")
    free = next(n for n in range(99) if (crc32(f"pot/usr_{n}".encode()) - held) % LANES)
    lock = {
        "postgresql": f"SELECT pg_advisory_xact_lock({(0x62646774 << 32) + held})",
        "mysql": f"SELECT lane FROM outbox_lanes WHERE lane = {held % LANES} FOR UPDATE",  # noqa: S608 # a number
    }[server.dialect.name]
    names = [f"{number:02}" for number in range(40)]
    made = engine(server.url)
    async with made.connect() as connection:
        await connection.execute(text(lock))
        waits = asyncio.ensure_future(emit(server.store, "usr_0", "late"))
        # Time enough for it to be done, if it did not wait.
        await emit(server.store, f"usr_{free}", *names)
        assert not waits.done()
        await connection.rollback()
        await waits
    await made.dispose()
    assert subjects(await server.store.outbox.take(100)) == [*names, "late"]


async def test_only_one_process_is_given_events_until_it_goes_quiet(server: Server) -> None:
    second = await server.database()
    other = SqlStore(second, SQL_TABLES, "pot")
    await emit(server.store, "usr_ann", "a")
    assert subjects(await server.store.outbox.take(10)) == ["a"]
    assert await other.outbox.take(10) == []
    # It ends in good order: the next is given them at once, when it asks again.
    await server.sql.close()
    found: list[Envelope] = []
    async with asyncio.timeout(2):
        while not found:
            found = await other.outbox.take(10)
    assert subjects(found) == ["a"]
    # One that says nothing more: its lease runs out.
    made = engine(server.url)
    async with made.begin() as connection:
        await connection.execute(text("UPDATE leases SET until = until - 100"))
    await made.dispose()
    third = await server.database()
    assert subjects(await SqlStore(third, SQL_TABLES, "pot").outbox.take(10)) == ["a"]
    await third.close()
    await second.close()
    server.sql = await server.database()


# --- the relay ------------------------------------------------------------------------------------


def relay(store: SqlStore, heard: Heard, **options: float) -> Relay:
    outboxes: dict[str, Outbox] = {"pot": store.outbox}
    options = {"first_delay": 0.02, "longest_delay": 0.3, **options}
    return Relay(outboxes, heard.publish, TurnableClock(), **options)  # type: ignore[arg-type] # by name


async def test_what_is_committed_is_published_at_once_and_in_order(server: Server) -> None:
    heard = Heard()
    relaying = relay(server.store, heard, poll=60.0)
    relaying.start()
    assert await relaying.drained()
    for name in ("a", "b", "c"):
        await emit(server.store, "usr_ann", name)
        await until(lambda name=name: subjects(heard.envelopes)[-1:] == [name])  # type: ignore[misc] # bound now
    assert await relaying.drained()
    assert await server.store.outbox.backlog() == (0, None)
    await relaying.stop()
    await emit(server.store, "usr_ann", "d")
    assert subjects(heard.envelopes) == ["a", "b", "c"]


@pytest.mark.parametrize("error", [Unavailable("gone"), RuntimeError("a defect")])
async def test_a_bus_that_fails_is_tried_again_and_nothing_overtakes(
    server: Server, error: Exception
) -> None:
    heard = Heard(fails=4, error=error)
    relaying = relay(server.store, heard)
    relaying.start()
    await emit(server.store, "usr_ann", "a", "b")
    await until(lambda: len(heard.attempts) >= 2)
    assert relaying.waiting().events >= 1
    assert not await relaying.drained(timeout=0)
    await emit(server.store, "usr_ann", "c")
    assert await relaying.drained()
    assert subjects(heard.envelopes) == ["a", "b", "c"]
    assert relaying.waiting() == type(relaying.waiting())(0, 0.0)
    waits = [after - before for before, after in zip(heard.attempts, heard.attempts[1:4])]  # noqa: B905 # they differ by one
    assert waits[0] < waits[1] < waits[2]
    await relaying.stop()


async def test_what_is_too_much_at_once_goes_in_smaller_batches(server: Server) -> None:
    heard: list[str] = []

    async def small(envelopes: Sequence[Envelope]) -> None:
        if len(envelopes) > 3:
            raise Unavailable("too much")
        heard.extend(subjects(envelopes))

    names = [f"{number:02}" for number in range(20)]
    await emit(server.store, "usr_ann", *names)
    outboxes = {"pot": server.store.outbox}
    relaying = Relay(outboxes, small, TurnableClock(), first_delay=0.01, longest_delay=0.05)
    relaying.start()
    assert await relaying.drained()
    assert heard == names
    await relaying.stop()


async def test_a_crash_before_the_clear_publishes_the_same_again(server: Server) -> None:
    await emit(server.store, "usr_ann", "a", "b")
    published: list[str] = []

    async def crash(envelopes: Sequence[Envelope]) -> None:
        published.extend(envelope.id for envelope in envelopes)
        raise asyncio.CancelledError

    first = Relay({"pot": server.store.outbox}, crash, TurnableClock(), stop_within=0)
    first.start()
    await until(lambda: published)
    await first.stop()
    heard = Heard()
    second = relay(server.store, heard)
    second.start()
    assert await second.drained()
    assert [envelope.id for envelope in heard.envelopes] == published
    await second.stop()


async def test_processes_side_by_side_lose_nothing_and_double_nothing(server: Server) -> None:
    heard = Heard()
    databases = [server.sql, await server.database(), await server.database()]
    stores = [SqlStore(database, SQL_TABLES, "pot") for database in databases]
    relays = [relay(store, heard) for store in stores]
    for relaying in relays:
        relaying.start()

    async def live(number: int) -> None:
        for turn in range(25):
            await emit(stores[number % 3], f"usr_{number}", f"{number}:{turn:02}")

    await asyncio.gather(*[live(number) for number in range(12)])
    await until(lambda: len(heard.envelopes) >= 300)
    names = subjects(heard.envelopes)
    assert len(names) == len(set(names)) == 300
    for number in range(12):
        mine = [name for name in names if name.startswith(f"{number}:")]
        assert mine == sorted(mine)
    for relaying in relays:
        await relaying.stop()
    assert await server.store.outbox.backlog() == (0, None)
    for database in databases[1:]:
        await database.close()


async def test_what_another_process_writes_is_relayed_within_a_second(server: Server) -> None:
    heard = Heard()
    second = await server.database()
    writer = SqlStore(second, SQL_TABLES, "pot")
    # The one that relays has the lease, and no reason of its own to look.
    relaying = relay(server.store, heard)
    relaying.start()
    await emit(server.store, "usr_ann", "own")
    await until(lambda: heard.envelopes)
    before = time.monotonic()
    await emit(writer, "usr_ann", "foreign")
    await until(lambda: subjects(heard.envelopes) == ["own", "foreign"])
    assert time.monotonic() - before < 2.5
    await relaying.stop()
    await second.close()


@pytest.mark.server("postgres")
async def test_processes_tell_each_other_of_events(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    await server.open()
    second = await server.database()
    writer = SqlStore(second, SQL_TABLES, "pot")
    heard = Heard()
    # Neither looks unasked within the test's time.
    relays = [relay(server.store, heard, poll=60.0), relay(writer, heard, poll=60.0)]
    await emit(server.store, "usr_ann", "own")
    relays[0].start()
    assert await relays[0].drained()
    relays[1].start()
    await emit(writer, "usr_ann", "foreign")
    await until(lambda: subjects(heard.envelopes) == ["own", "foreign"])
    for relaying in relays:
        await relaying.stop()
    await second.close()
    await server.close()
    await server.remove()


async def test_a_lane_that_cannot_be_emptied_holds_up_no_other() -> None:
    class Broken:
        async def take(self, most: int) -> list[Envelope]:
            raise Unavailable("gone")

        async def clear(self, envelopes: Sequence[Envelope]) -> None:
            raise Unavailable("gone")

        def on_emitted(self, listener: Callable[[], None]) -> Callable[[], None]:
            return lambda: None

    class Small(Broken):
        def __init__(self) -> None:
            opened = PotOpened("a", "usr_ann")
            self.left = [opened.envelope("evt_1", "2026-11-22T09:30:00.000Z")]

        async def take(self, most: int) -> list[Envelope]:
            return self.left

        async def clear(self, envelopes: Sequence[Envelope]) -> None:
            self.left = []

    heard = Heard()
    relaying = Relay({"broken": Broken(), "small": Small()}, heard.publish, TurnableClock())
    relaying.start()
    await until(lambda: heard.envelopes)
    assert not await relaying.drained(timeout=0.05)
    await relaying.stop()
