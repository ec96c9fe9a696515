"""asyncpg as the stores' driver: prepared statements, and a commit in one where it can be.

S608 is silenced where names of tables and columns, which are the contract's, become SQL.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import asyncpg

from runtime.adapters.postgres.listener import Listener
from runtime.adapters.sql.driver import (
    Again,
    Busy,
    Dialect,
    Duplicate,
    Gone,
    Plan,
    Refused,
    Step,
)
from runtime.table import Row

# With more steps than these, planning one statement costs more than sending several.
_MOST_TOGETHER = 12
_MOST_SHAPES = 1000
_PLACE = re.compile(r"\$(\d+)")
# Advisory locks share one space of numbers in a database; ours begin with "bdgt".
_LOCKS = 0x62646774 << 32
_EVENT = (
    '"service", "id", "type", "channel", "key", "subject", "version", "time", "data", "traceparent"'
)
_TYPES = ("text",) * 6 + ("bigint", "text", "bytea", "text")
_INSERT_EVENT = (
    f'INSERT INTO "outbox" ({_EVENT}) VALUES ({", ".join(f"${n}" for n in range(1, 11))})'  # noqa: S608 # our own names
)

DIALECT = Dialect(
    name="postgresql",
    among=lambda column, place: f"{column} = ANY(${place})",
    compares_rows=True,
    nulls_low=False,
    laterals=True,
    unless_there=" ON CONFLICT DO NOTHING",
    remember=(
        'INSERT INTO "idempotency" AS i ("service", "caller", "key", "operation", "fingerprint", '
        '"answer", "at") VALUES ($1, $2, $3, $4, $5, $6, $7) '
        'ON CONFLICT ("service", "caller", "key") DO UPDATE SET "operation" = $4, '
        '"fingerprint" = $5, "answer" = $6, "at" = $7 WHERE i."at" < $8',
    ),
    notify="SELECT pg_notify('budget_outbox', $1)",
    now="extract(epoch FROM clock_timestamp())::float8",
    sweep=(
        'DELETE FROM "{0}" WHERE ctid IN '
        '(SELECT ctid FROM "{0}" WHERE "at" < $1 ORDER BY "at" LIMIT 500 FOR UPDATE SKIP LOCKED)'
    ),
    key_of=lambda table: f"{table}_pkey",
)


class PostgresDriver:
    """Makes connections to the database that a `postgresql://` URL names.

    Parameters of the URL that asyncpg does not know are settings of the session (`search_path`).
    """

    def __init__(self, url: str, *, patience: float, connect_within: float = 3.0) -> None:
        """`patience`: seconds after which the server gives a statement up, as nobody waits."""
        self._url = url
        self._within = connect_within
        self._settings = {
            "statement_timeout": str(round(patience * 1000)),
            # Below the patience, so that a lock that is not given does not cost a connection.
            "lock_timeout": str(round(patience * 750)),
            "idle_in_transaction_session_timeout": str(round(patience * 2000)),
            "default_transaction_isolation": "read committed",
            "jit": "off",
            # A commit is on the disk when it returns, whatever the server's default.
            "synchronous_commit": "on",
        }
        if "application_name=" not in url:
            self._settings["application_name"] = "budget-manager"
        self._commits: dict[tuple[Any, ...], str] = {}

    def listen(self, heard: Callable[[str], None]) -> Listener:
        """A connection of its own that hears what other processes notify."""
        return Listener(self.bare, heard)

    async def connect(self) -> PostgresConnection:
        """A new connection. Raises Refused."""
        return PostgresConnection(await self.bare(), self._commits)

    async def bare(self) -> asyncpg.Connection:
        """The same without our statements, for who listens. Raises Refused."""
        try:
            return await asyncpg.connect(
                self._url,
                timeout=self._within,
                statement_cache_size=512,
                max_cached_statement_lifetime=0,
                server_settings=self._settings,
            )
        except (TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, TimeoutError):
                raise Refused("the server does not answer") from error
            raise
        except OSError as error:
            raise Refused("the server cannot be reached") from error
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise Refused("the server refuses the user or the password", final=True) from error
        except asyncpg.InvalidCatalogNameError as error:
            raise Refused("the server has no such database", final=True) from error
        except asyncpg.PostgresError as error:
            raise Refused(f"the server refuses ({error.sqlstate})") from error
        except (asyncpg.InterfaceError, ValueError) as error:
            raise Refused("is not a URL that the driver takes", final=True) from error


class PostgresConnection:
    """The port `Connection`."""

    def __init__(self, connection: asyncpg.Connection, commits: dict[tuple[Any, ...], str]) -> None:
        self._connection = connection
        # Shared by all connections: the statement of each shape of commit.
        self._commits = commits

    @property
    def closed(self) -> bool:
        """Whether the server or we have ended it."""
        return self._connection.is_closed()

    async def fetch(self, sql: str, row: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows of one statement."""
        try:
            # A record is read by place, as a row is.
            return await self._connection.fetch(sql, *row)  # type: ignore[return-value] # see above
        except asyncpg.CharacterNotInRepertoireError:
            # No text here holds a NUL: nothing is like one that does, and no list has need of it.
            if any(type(value) is str and "\0" in value for value in row):
                return ()
            lists = [_without_nul(value) if type(value) is list else value for value in row]
            if lists == list(row):
                raise ValueError("a value does not fit its column") from None
            return await self.fetch(sql, lists)
        except Exception as error:
            raise _meaning(error) from error

    async def execute(self, sql: str, row: Sequence[Any] = ()) -> int:
        """How many rows one statement changed."""
        try:
            status = await self._connection.execute(sql, *row)
        except Exception as error:
            raise _meaning(error) from error
        # "UPDATE 3", "INSERT 0 1", "BEGIN"
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    def abort(self) -> None:
        """Ends it at once."""
        self._connection.terminate()

    async def close(self) -> None:
        """Ends it politely."""
        try:
            await self._connection.close(timeout=1)
        except Exception:
            self._connection.terminate()

    # --- commits ----------------------------------------------------------------------------------

    async def commit(self, plan: Plan) -> None:
        """One statement if the order of its parts does not count, else a transaction.

        PostgreSQL runs the parts of a statement on one snapshot and in no promised order, so when
        one fails that may not be the reason that comes first: the transaction then finds out.
        """
        steps = [*plan.guards, *plan.steps]
        if not plan.repeats and len(steps) + len(plan.events) <= _MOST_TOGETHER:
            try:
                await self._at_once(plan, steps)
                return
            except Duplicate as duplicate:
                taken = _taken(plan.guards, duplicate)
                if taken is None and not plan.guards:
                    taken = _taken(plan.steps, duplicate)
                if taken is not None:
                    raise taken from None
            except _Missed:
                if len(steps) == 1 and steps[0].missed is not None:
                    raise steps[0].missed from None
        await self._in_order(plan, steps)

    async def _at_once(self, plan: Plan, steps: Sequence[Step]) -> None:
        lanes = len(plan.lanes)
        shape = (
            lanes if lanes < 2 else 2,
            len(plan.events),
            *((step.sql, step.missed is not None) for step in steps),
        )
        sql = self._commits.get(shape)
        if sql is None:
            if len(self._commits) >= _MOST_SHAPES:
                self._commits.clear()
            sql = self._commits[shape] = _composed(plan, steps)
        row: list[Any] = [value for step in steps for value in step.row]
        if lanes:
            locks = [_LOCKS + lane for lane in plan.lanes]
            row.append(locks[0] if lanes == 1 else locks)
            for event in plan.events:
                row += event
        try:
            await self._connection.fetch(sql, *row)
        except asyncpg.DivisionByZeroError:
            raise _Missed from None
        except Exception as error:
            raise _meaning(error) from error

    async def _in_order(self, plan: Plan, steps: Sequence[Step]) -> None:
        await self.execute("BEGIN")
        try:
            for sql, same in groupby(steps, key=lambda step: step.sql):
                some = list(same)
                try:
                    if len(some) > 1 and all(step.missed is None for step in some):
                        await self._connection.executemany(sql, [step.row for step in some])
                    else:
                        for step in some:
                            if not await self.execute(sql, step.row) and step.missed is not None:
                                raise step.missed
                except asyncpg.PostgresError as error:
                    raise _meaning(error) from error
                except Duplicate as duplicate:
                    raise (_taken(some, duplicate) or duplicate) from None
            if plan.events:
                locks = [_LOCKS + lane for lane in plan.lanes]
                await self.fetch(
                    "SELECT pg_advisory_xact_lock(k)::text FROM unnest($1::bigint[]) AS k", (locks,)
                )
                await self._connection.executemany(_INSERT_EVENT, plan.events)
            await self.execute("COMMIT")
        except BaseException:
            if not self.closed:
                await self.execute("ROLLBACK")
            raise


class _Missed(Exception):
    """A step changed no row."""


def _taken(steps: Sequence[Step], duplicate: Duplicate) -> Exception | None:
    for step in steps:
        if step.taken is not None and (error := step.taken(duplicate.constraint)) is not None:
            return error
    return None


def _composed(plan: Plan, steps: Sequence[Step]) -> str:
    """The steps as parts of one statement, which fails with a division by zero where one missed.

    The gate is passed when all steps have run: so the locks on the rows come before those on the
    keys, and the outbox counts on last of all.
    """
    parts: list[str] = []
    ran: list[str] = []
    place = 0
    for number, step in enumerate(steps):
        parts.append(f"s{number} AS ({_shifted(step.sql, place)} RETURNING 1)")
        wanted = "= 1" if step.missed is not None else ">= 0"
        ran.append(f"(SELECT count(*) FROM s{number}) {wanted}")  # noqa: S608 # no value in it
        place += len(step.row)
    passed = " AND ".join(ran) or "true"
    if plan.lanes:
        place += 1
        if len(plan.lanes) == 1:
            gate = f"SELECT pg_advisory_xact_lock(${place}::bigint)::text WHERE {passed}"
        else:
            gate = (
                "SELECT count(held) FROM (SELECT pg_advisory_xact_lock(k)::text AS held "  # noqa: S608 # no value in it
                f"FROM unnest(${place}::bigint[]) AS k WHERE {passed}) AS locks"
            )
        parts.append(f"gate AS MATERIALIZED ({gate})")
        rows: list[str] = []
        for number in range(len(plan.events)):
            cells = [f"${place + at + 1}::{type_}" for at, type_ in enumerate(_TYPES)]
            rows.append(f"({number}, {', '.join(cells)})")
            place += len(_TYPES)
        columns = ", ".join(f"c{at}" for at in range(len(_TYPES)))
        parts.append(
            f'o AS (INSERT INTO "outbox" ({_EVENT}) SELECT {columns} FROM gate '  # noqa: S608 # no value in it
            f"CROSS JOIN (VALUES {', '.join(rows)}) AS e(n, {columns}) ORDER BY n RETURNING 1)"
        )
    checked = " AND ".join(r for r, step in zip(ran, steps, strict=True) if step.missed is not None)
    last = f"SELECT 1 / (CASE WHEN {checked} THEN 1 ELSE 0 END)" if checked else "SELECT 1"
    return f"WITH {', '.join(parts)} {last}"


def _shifted(sql: str, by: int) -> str:
    return _PLACE.sub(lambda match: f"${int(match[1]) + by}", sql) if by else sql


def _without_nul(values: list[Any]) -> list[Any]:
    return [value for value in values if type(value) is not str or "\0" not in value]


# Classes of SQLSTATE: the connection, the server's means, its operator, its system, its own fault.
_SERVER = ("08", "53", "57", "58", "XX")
_STATES: dict[str, Callable[[], Exception]] = {
    "40001": Again,
    "40P01": Again,
    "55P03": Busy,
    # In a transaction for too long; or the server has become one that only reads.
    "25P03": Gone,
    "25006": Gone,
}


def _meaning(error: Exception) -> Exception:
    """What an error of the driver's means to a store; the error itself where it is a defect."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Duplicate(str(error.constraint_name))
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if make := _STATES.get(state):
            return make()
        if state.startswith(_SERVER):
            return Gone()
        if isinstance(error, asyncpg.DataError):
            return ValueError("a value does not fit its column")
        return error
    if isinstance(error, asyncpg.InterfaceError | OSError | asyncpg.InternalClientError):
        return Gone()
    return error
