"""One process serves from a folder, and the command line joins it as a guest."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from runtime.adapters.sqlite import Database, InUse, SqliteStore
from runtime.ports import Conflict, Emit, Insert, Update
from tests.ports.consumers import Recorder, consumer
from tests.ports.platforms import Embedded, until
from tests.ports.sample import TABLES, PotOpened, Tally, tally

pytestmark = pytest.mark.anyio


@contextmanager
def server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that serves from `folder`."""
    command = [sys.executable, "-m", "tests.ports.killed", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


async def test_a_second_server_is_refused_and_told_why(embedded: Embedded) -> None:
    with pytest.raises(InUse, match=rf"another process \(pid {os.getpid()}\) serves"):
        await Database.open(embedded.folder, TABLES)


async def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with server(tmp_path) as process:
        with pytest.raises(InUse, match=f"pid {process.pid}"):
            await Database.open(tmp_path, TABLES)
        process.kill()
    database = await Database.open(tmp_path, TABLES)
    await database.close()


async def test_a_guest_reads_and_writes_beside_the_server(embedded: Embedded) -> None:
    await embedded.store.commit(Insert(tally("usr_ann")))
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann")
    recorder = Recorder()
    await embedded.bus.start([consumer(recorder)])
    guest = await Database.open(embedded.folder, TABLES, guest=True)
    beside = SqliteStore(guest, TABLES, "pot")
    changed = tally("usr_ann", 5, version=2)
    await beside.commit(Update(changed), Emit(PotOpened("pot_guest", "usr_ann")))
    # The server had it cached, and sees the new one at once.
    assert await embedded.store.get(Tally, "usr_ann") == changed
    with pytest.raises(Conflict):
        await embedded.store.commit(Update(tally("usr_ann", 1, version=2)))
    # What the guest emitted is found without anything else happening.
    await until(lambda: recorder.applied)
    assert recorder.applied == ["pot_guest"]
    await guest.close()


async def test_server_and_guest_take_turns(embedded: Embedded) -> None:
    guest = await Database.open(embedded.folder, TABLES, guest=True)
    beside = SqliteStore(guest, TABLES, "pot")
    await embedded.store.commit(Insert(tally("usr_ann")))

    async def count(store: SqliteStore) -> None:
        for _ in range(30):
            while True:
                now = await store.get(Tally, "usr_ann")
                assert now is not None
                after = now.but(version=now.version + 1, count=now.count + 1)
                try:
                    await store.commit(Update(after))
                    break
                except Conflict:
                    continue

    await asyncio.gather(count(embedded.store), count(beside), count(embedded.store))
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann", 90, 91)
    await guest.close()


async def test_a_lock_held_by_another_process_does_not_stop_the_loop(embedded: Embedded) -> None:
    other = apsw.Connection(str(embedded.folder / "budget.db"))
    other.execute("BEGIN IMMEDIATE")
    commit = asyncio.ensure_future(embedded.store.commit(Insert(tally("usr_ann"))))
    for _ in range(100):
        await asyncio.sleep(0)
        assert await embedded.store.get(Tally, "usr_ann") is None
    assert not commit.done()
    other.execute("COMMIT")
    await commit
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann")
    other.close()
