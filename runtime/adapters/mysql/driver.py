"""asyncmy as the stores' driver: reads are prepared, and a commit is one packet of statements."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncmy
from asyncmy import errors

from runtime.adapters.mysql.literals import filled, literal, marked
from runtime.adapters.sql.driver import Again, Busy, Dialect, Duplicate, Gone, Plan, Refused, Step
from runtime.table import Row

# A server has 16,382 prepared statements for all its clients (max_prepared_stmt_count).
_MOST_PREPARED = 200
# Rows of the table outbox_lanes, which are only ever locked.
LANES = 64
_INSERT_EVENTS = (
    'INSERT INTO "outbox" ("service", "id", "type", "channel", "key", "subject", "version", '
    '"time", "data", "traceparent") VALUES '
)
_LOCK_LANES = 'SELECT "lane" FROM "outbox_lanes" WHERE "lane" IN $1 ORDER BY "lane" FOR UPDATE'

DIALECT = Dialect(
    name="mysql",
    among=lambda column, place: f"{column} IN ${place}",
    # It compares them, but reads the whole index for it.
    compares_rows=False,
    nulls_low=True,
    # MySQL has LATERAL, MariaDB 10.11 has not.
    laterals=False,
    unless_there=' ON DUPLICATE KEY UPDATE "id" = "id"',
    remember=(
        'DELETE FROM "idempotency" '
        'WHERE "service" = $1 AND "caller" = $2 AND "key" = $3 AND "at" < $8',
        'INSERT INTO "idempotency" ("service", "caller", "key", "operation", "fingerprint", '
        '"answer", "at") VALUES ($1, $2, $3, $4, $5, $6, $7)',
    ),
    notify="",
    now="(unix_timestamp(now(6)) + 0e0)",
    sweep='DELETE FROM "{0}" WHERE "at" < $1 ORDER BY "at" LIMIT 500',
    key_of=lambda table: "PRIMARY",
)


class MysqlDriver:
    """Makes connections to the database that a `mysql://` URL names.

    `?ssl=true` asks for TLS; `?ssl_ca=FILE` also checks the server's certificate.
    """

    def __init__(self, url: str, *, patience: float, connect_within: float = 3.0) -> None:
        """`patience`: seconds after which nobody waits for a statement."""
        self._options = connect_options(url)
        self._within = connect_within
        # Below the patience, so that a lock that is not given does not cost a connection.
        lock = max(1, int(patience * 0.75))
        self._session = (
            "SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
            f"innodb_lock_wait_timeout = {lock}, time_zone = '+00:00'; "
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
        )

    def listen(self, heard: Callable[[str], None]) -> None:
        """Nothing: the server carries no messages, so who relays looks once a second."""

    async def connect(self) -> MysqlConnection:
        """A new connection. Raises Refused."""
        if self._options is None:
            raise Refused("is not a URL that the driver takes", final=True)
        connection: MysqlConnection | None = None
        try:
            async with asyncio.timeout(self._within):
                raw = await asyncmy.connect(**self._options, autocommit=True)
                connection = MysqlConnection(raw)
                await connection.script(self._session)
                return connection
        except TimeoutError as error:
            if connection is not None:
                connection.abort()
            raise Refused("the server does not answer") from error
        except errors.MySQLError as error:
            number = _number(error)
            if number in (1044, 1045):
                raise Refused("the server refuses the user or the password", final=True) from error
            if number == 1049:
                raise Refused("the server has no such database", final=True) from error
            if number == 2003:
                raise Refused("the server cannot be reached") from error
            raise Refused(f"the server refuses ({number})") from error
        except (_Failed, OSError) as error:
            if connection is not None:
                connection.abort()
            raise Refused("the server cannot be reached") from error


class MysqlConnection:
    """The port `Connection`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._prepared: OrderedDict[str, Any] = OrderedDict()

    @property
    def closed(self) -> bool:
        """Whether the server or we have ended it."""
        # The driver says this nowhere in public: its `connected` is true until the next statement.
        return bool(self._connection._stream_broken)

    async def fetch(self, sql: str, row: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows of one statement; as text where a list is among the bindings."""
        if any(type(value) is list for value in row):
            return await self._fetch_text(filled(sql, row))
        result = await self._bound(sql, row)
        return result.rows or ()

    async def execute(self, sql: str, row: Sequence[Any] = ()) -> int:
        """How many rows one statement changed; as text where a list is among the bindings."""
        if any(type(value) is list for value in row):
            try:
                return (await self.script(filled(sql, row)))[0]
            except _Failed as failed:
                raise failed.error from failed
        result = await self._bound(sql, row)
        return int(result.affected_rows)

    async def script(self, text: str) -> list[int]:
        """Runs statements that are text, and answers how many rows each changed.

        Those after one that fails are not run. Raises `_Failed` with the number of those before it.
        """
        counts: list[int] = []
        cursor = self._connection.cursor()
        try:
            await cursor.execute(text)
            counts.append(cursor.rowcount)
            while await cursor.nextset():
                counts.append(cursor.rowcount)
        except Exception as error:
            raise _Failed(counts, _meaning(error)) from error
        return counts

    def abort(self) -> None:
        """Ends it at once."""
        # `close()` waits until what was written is sent, which to a hung server may be never.
        transport = self._connection._transport
        if transport is not None:
            transport.abort()

    async def close(self) -> None:
        """Ends it politely."""
        with suppress(Exception):
            await self._connection.ensure_closed()

    async def _fetch_text(self, text: str) -> Sequence[Row]:
        cursor = self._connection.cursor()
        try:
            await cursor.execute(text)
            rows: Sequence[Row] = await cursor.fetchall()
        except Exception as error:
            raise _meaning(error) from error
        return rows

    async def _bound(self, sql: str, row: Sequence[Any]) -> Any:
        text, places = marked(sql)
        prepared = self._prepared
        try:
            statement = prepared.get(sql)
            if statement is None:
                statement = prepared[sql] = await self._connection.prepare(text)
                if len(prepared) > _MOST_PREPARED:
                    await prepared.popitem(last=False)[1].close()
            else:
                prepared.move_to_end(sql)
            return await statement.execute(tuple([row[place] for place in places]))
        except Exception as error:
            raise _meaning(error) from error

    # --- commits ----------------------------------------------------------------------------------

    async def commit(self, plan: Plan) -> None:
        """All in one packet, with its COMMIT where nothing is left to be looked at before it.

        The server stops at the first statement that fails, so the first reason is the one told.
        """
        steps = [*plan.guards, *plan.steps]
        texts = ["START TRANSACTION", *(filled(step.sql, step.row) for step in steps)]
        if plan.events:
            lanes = sorted({lane % LANES for lane in plan.lanes})
            texts.append(filled(_LOCK_LANES, (lanes,)))
            texts.append(_INSERT_EVENTS + ", ".join(map(literal, plan.events)))
        checked = any(step.missed is not None for step in steps)
        if not checked:
            texts.append("COMMIT")
        try:
            counts = await self.script("; ".join(texts))
        except _Failed as failed:
            await self._undo()
            raise _reason(steps, failed.counts, failed.error) from failed.error
        if checked:
            missed = _missed(steps, counts)
            if missed is not None:
                await self._undo()
                raise missed
            try:
                await self.script("COMMIT")
            except _Failed as failed:
                raise failed.error from failed

    async def _undo(self) -> None:
        try:
            await self.script("ROLLBACK")
        except _Failed as failed:
            raise Gone from failed


class _Failed(Exception):
    def __init__(self, counts: list[int], error: Exception) -> None:
        super().__init__(str(error))
        self.counts = counts
        self.error = error


def _missed(steps: Sequence[Step], counts: Sequence[int]) -> Exception | None:
    """What it means that a step changed nothing; `counts` begins with that of the START."""
    for step, count in zip(steps, counts[1:], strict=False):
        if step.missed is not None and not count:
            return step.missed
    return None


def _reason(steps: Sequence[Step], counts: Sequence[int], error: Exception) -> Exception:
    missed = _missed(steps, counts)
    if missed is not None:
        return missed
    at = len(counts) - 1
    if isinstance(error, Duplicate) and 0 <= at < len(steps):
        taken = steps[at].taken
        if taken is not None and (meant := taken(error.constraint)) is not None:
            return meant
    return error


# "Duplicate entry 'usr_ann-one' for key 'pots.owner_id.name'"; MySQL 8 puts the table before it.
# The entry may hold anything, so the name is read from the end.
_KEY = re.compile(r"for key '([^']*)'\Z")
_GONE = {
    *(1040, 1226),  # too many connections
    1053,  # shutting down
    *(1152, 1158, 1159, 1160, 1161, 1184),  # the network
    *(1290, 1836),  # the server only reads
    *(1317, 1927),  # killed
    *(1969, 3024),  # took too long: MariaDB, MySQL
    4031,  # idle for too long
    *(1021, 1030, 1037, 1041, 1114),  # no room left
    *(2003, 2006, 2013, 2014),  # of the driver: no connection
}


def _number(error: errors.MySQLError) -> int:
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def _meaning(error: Exception) -> Exception:
    """What an error of the driver's means to a store; the error itself where it is a defect."""
    if isinstance(error, errors.InterfaceError | OSError):
        return Gone()
    if not isinstance(error, errors.MySQLError):
        return error
    number = _number(error)
    if number == 1062:
        found = _KEY.search(str(error.args[-1]))
        return Duplicate(found[1] if found else "")
    if number in (1213, 1020):
        return Again()
    if number == 1205:
        return Busy()
    if number in _GONE:
        return Gone()
    if isinstance(error, errors.DataError) or number in (1366, 1292, 1264, 1406):
        return ValueError("a value does not fit its column")
    return error


def connect_options(url: str) -> dict[str, Any] | None:
    """What asyncmy takes, of a URL; None where it is no usable one."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        return None
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if not parts.hostname or not parts.path.strip("/") or query.keys() - {"ssl", "ssl_ca"}:
        return None
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.strip("/")),
        "charset": "utf8mb4",
    }
    if "ssl_ca" in query:
        options["ssl"] = {"ca": query["ssl_ca"]}
    elif query.get("ssl", "").lower() in ("true", "1"):
        options["ssl"] = True
    return options
