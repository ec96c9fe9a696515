"""The one SQLite file of a process: one connection reads, another writes in groups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import apsw

from runtime.adapters.clock import SystemClock, milliseconds
from runtime.adapters.sqlite import schema
from runtime.adapters.sqlite.changes import Commit
from runtime.adapters.sqlite.folder import CannotOpen, Folder
from runtime.adapters.sqlite.writer import BROKEN, LONGEST_LOCK, Job, Writer, unavailable
from runtime.ids import TypeIds
from runtime.ports import Clock, Ids
from runtime.problem import Problem, Unavailable
from runtime.table import Row, Table

log = logging.getLogger("runtime.storage")

T = TypeVar("T")

IDEMPOTENCY_KEPT = timedelta(hours=24)
INBOX_KEPT = timedelta(days=7)
# Rows that one job of the sweep deletes: a fraction of a commit's time each.
_SWEPT = 500
_SWEEP_EVERY = 600.0
# How often a guest's writes are looked for where nothing reads: what it emitted waits so long.
_LOOK_EVERY = 1.0


class Database:
    """The file, opened by `Database.open` in the loop that uses it.

    A *guest* (the command line beside a server) reads and writes the same file under SQLite's
    locks, and leaves a stamp after each commit by which the server forgets what it cached and
    wakes its relay.
    """

    name = "storage"

    def __init__(
        self,
        folder: Folder,
        reader: apsw.Connection,
        writer: apsw.Connection,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Use `open`."""
        self.clock = clock
        self.ids = ids
        # Changes when a guest has written; see folder.py.
        self.stamp = folder.stamp
        self.guest = folder.guest
        self._folder = folder
        self._reader = reader
        self._execute = reader.execute
        self._connection = writer
        self._listeners: list[Callable[[bool], None]] = []
        loop = asyncio.get_running_loop()
        self._writer = Writer(writer, loop, self._committed, self._emitted)
        self._tending = loop.create_task(self._tend())

    @classmethod
    async def open(
        cls,
        folder: Path,
        tables: Sequence[Table[Any]],
        *,
        guest: bool = False,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> Database:
        """Opens or creates `folder`'s database and makes it fit `tables`, those of all services.

        Raises CannotOpen when another process serves from it, or the file is damaged or unfit.
        """
        opened = Folder(folder, guest=guest)
        try:
            writer = _connect(opened.database, busy=LONGEST_LOCK, cache=8192)
            try:
                schema.prepare(writer, tables, guest=guest)
                # From here on a lock is waited for by the thread, never on the loop.
                writer.set_busy_timeout(0)
                reader = _connect(opened.database, busy=250, cache=4096)
                reader.pragma("query_only", True)
            except BaseException:
                writer.close()
                raise
        except apsw.Error as error:
            opened.close()
            raise CannotOpen(
                f"{opened.database} cannot be opened ({type(error).__name__}: {error}); "
                "if it is damaged, put a backup in its place"
            ) from error
        except CannotOpen as error:
            opened.close()
            raise CannotOpen(f"{opened.database}: {error}") from error
        return cls(opened, reader, writer, clock or SystemClock(), ids or TypeIds())

    async def close(self) -> None:
        """Commits what waits, folds the WAL into the file, and gives the folder free."""
        self._tending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._tending
        await self._writer.stop()
        self._reader.close()
        with contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.close()
        self._folder.close()

    # --- reading and writing ----------------------------------------------------------------------

    def read(self, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
        """All rows, at once, of the latest committed state. Raises Unavailable."""
        try:
            return self._execute(sql, bindings).fetchall()
        except BROKEN as error:
            log.error("could not read: %s: %s", type(error).__name__, error)
            raise unavailable() from error

    async def write(self, job: Job[T]) -> T:
        """Has the writer run `job`, durably. Raises Unavailable, and what the job raises."""
        return await self._writer.submit(job)

    async def commit(self, commit: Commit) -> None:
        """Has the writer run a store's commit, and brings its caches up to date."""
        commit.begin()
        try:
            outcome = self._writer.submit(commit)
        except Unavailable as error:
            commit.settled(error)
            raise
        await outcome

    def shape(self, table: str) -> tuple[frozenset[str], frozenset[str]]:
        """The columns of `table` that may hold NULL, and those that an index begins with."""
        return schema.nullable(self._reader, table), schema.leading(self._reader, table)

    def on_emitted(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        """Calls `listener` on the loop after events were committed; answers how to end that.

        Its argument tells whether a guest wrote, who may have changed more than the outbox.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # --- looking after itself ---------------------------------------------------------------------

    async def check(self) -> Problem | None:
        """The port `Health`: None when it reads, and writes if the last write failed."""
        try:
            self.read("SELECT 1 FROM stored_schema LIMIT 1")
            if self._writer.failing:
                await self.write(Probe())
        except Problem as problem:
            return problem
        return None

    @property
    def waiting(self) -> int:
        """Commits whose outcome is not known yet, for the metrics."""
        return self._writer.waiting

    async def sweep(self) -> int:
        """Purges idempotency records and inbox marks past their time. Raises Unavailable."""
        now = milliseconds(self.clock.now())
        swept = 0
        for table, kept in (("idempotency", IDEMPOTENCY_KEPT), ("inbox", INBOX_KEPT)):
            before = now - kept // timedelta(milliseconds=1)
            while gone := await self.write(Purge(table, before)):
                swept += gone
        return swept

    async def _tend(self) -> None:
        """Looks once a second whether a guest has written, and sweeps now and then."""
        loop = asyncio.get_running_loop()
        known = self.stamp[0]
        next_sweep = loop.time() + _SWEEP_EVERY
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self.stamp[0] != known:
                known = self.stamp[0]
                self._emitted(guest=True)
            if loop.time() > next_sweep:
                next_sweep = loop.time() + _SWEEP_EVERY
                with contextlib.suppress(Unavailable):
                    await self.sweep()

    def _committed(self) -> None:
        if self._folder.guest:
            self._folder.mark()

    def _emitted(self, guest: bool = False) -> None:
        for listener in self._listeners:
            listener(guest)


class Purge(Job[int]):
    """Deletes some of a table's oldest rows, if they are older than `before`.

    The oldest rows have the lowest rowids, so no index on the time is kept for this.
    """

    def __init__(self, table: str, before: int) -> None:
        self._sql = (
            f"DELETE FROM {table} WHERE rowid IN "
            f"(SELECT rowid FROM {table} ORDER BY rowid LIMIT {_SWEPT}) AND at < ?"
        )
        self._before = before

    def run(self, cursor: apsw.Cursor) -> int:
        """How many it deleted."""
        cursor.execute(self._sql, (self._before,))
        return cursor.connection.changes()


class Probe(Job[None]):
    """Writes a little, to learn whether the disk takes it again."""

    def run(self, cursor: apsw.Cursor) -> None:
        """Puts something new, as SQLite writes nothing where nothing changes."""
        cursor.execute(
            "INSERT INTO stored_schema VALUES ('', hex(randomblob(8))) "
            "ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint"
        )


def _connect(file: Path, busy: int, cache: int) -> apsw.Connection:
    """FULL: a commit is on the disk when it returns, also when the power goes then.

    `cache`: KiB of pages. The reader's is emptied by every commit, so a larger one is of no use.
    """
    connection = apsw.Connection(str(file), statementcachesize=512)
    connection.set_busy_timeout(busy)
    for name, value in (
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("temp_store", "memory"),
        ("cache_size", -cache),
        ("trusted_schema", False),
        ("journal_size_limit", 64 << 20),
    ):
        connection.pragma(name, value)
    return connection
