"""What the SQL stores cost, beside SQLAlchemy's ORM doing the same: `python -m bench.stores`.

Needs POSTGRES_URL, MYSQL_URL or both; makes a schema or database of its own there and drops it.
CPU is this process's, so the server's work is not in it. Rows of PostgreSQL are transactions, those
of MySQL notifications.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlmodel import select

import migrations
from generated import tables
from generated.models import (
    Currency,
    NotificationKind,
    NotificationRecord,
    Transaction,
    TransactionKind,
)
from generated.rows import SQL_TABLES
from runtime.adapters import mysql, postgres
from runtime.adapters.sql import SqlDatabase, SqlStore
from runtime.adapters.sql.engine import engine
from runtime.ids import TypeIds
from runtime.model import assemble
from runtime.ports import Emit, Envelope, Insert, Query, Where

SECONDS = 2.0
ROWS = 2000
OWNERS = 20
TASKS = 32
_START = datetime(2026, 1, 1, tzinfo=UTC)
_ids = TypeIds()
_owners = [_ids.new("usr") for _ in range(OWNERS)]
Work = Callable[[int], Awaitable[object]]


@dataclass(frozen=True)
class Made:
    """An event of the size of the contract's."""

    id: str
    key: str

    def envelope(self, id: str, time: str, traceparent: str = "") -> Envelope:
        """As it travels."""
        data = b'{"after": {"id": "%b", "text": "%b"}}' % (self.id.encode(), b"x" * 300)
        return Envelope(id, "x.made.v1", "x-events", self.key, self.id, 1, time, data, traceparent)


def transaction(number: int) -> Transaction:
    """A row of the ledger."""
    moment = _START + timedelta(seconds=number)
    return assemble(
        Transaction,
        {
            "id": _ids.new("txn"),
            "version": 1,
            "amount": Decimal("12.50"),
            "budget_id": None,
            "created_at": moment,
            "currency": Currency.USD,
            "description": "lunch with the others",
            "kind": TransactionKind.DEBIT,
            "order_id": None,
            "owner_id": _owners[number % OWNERS],
            "reversal_of": None,
            "updated_at": moment,
        },
    )


def notification(number: int) -> NotificationRecord:
    """A notification."""
    moment = _START + timedelta(seconds=number)
    return assemble(
        NotificationRecord,
        {
            "id": _ids.new("ntf"),
            "version": 1,
            "body": "You have spent 80 % of what you meant to spend.",
            "created_at": moment,
            "kind": NotificationKind.THRESHOLD,
            "read_at": None,
            "subject_id": None,
            "title": "80 %",
            "updated_at": moment,
            "user_id": _owners[number % OWNERS],
            "unread": True,
        },
    )


@dataclass(frozen=True)
class Subject:
    """One server and the kind that is kept there."""

    variable: str
    opened: Callable[..., Awaitable[SqlDatabase]]
    dialect: Any
    service: str
    kind: Any
    declared: Any
    owner: str
    make: Callable[[int], Any]


SUBJECTS = (
    Subject(
        "POSTGRES_URL",
        postgres.open_database,
        postgres.DIALECT,
        "transaction",
        Transaction,
        tables.TransactionTable,
        "owner_id",
        transaction,
    ),
    Subject(
        "MYSQL_URL",
        mysql.open_database,
        mysql.DIALECT,
        "notification",
        NotificationRecord,
        tables.NotificationTable,
        "user_id",
        notification,
    ),
)


async def measured(work: Work, tasks: int) -> tuple[float, float]:
    """CPU µs an operation, and operations a second."""
    count = 0
    until = time.perf_counter() + SECONDS

    async def go_on(number: int) -> None:
        nonlocal count
        at = number
        while time.perf_counter() < until:
            await work(at)
            count += 1
            at += tasks

    await asyncio.gather(*[work(number) for number in range(tasks)])
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*[go_on(number) for number in range(tasks)])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / count * 1e6, count / wall


def compiled(store: SqlStore, subject: Subject, ids: list[str]) -> dict[str, Work]:
    """The operations by the store."""

    async def get(number: int) -> object:
        return await store.get(subject.kind, ids[number % len(ids)])

    async def page(number: int) -> object:
        where = (Where(subject.owner, "eq", _owners[number % OWNERS]),)
        return await store.page(subject.kind, Query(where, limit=20))

    async def commit(number: int) -> object:
        entity = subject.make(number)
        made = Made(entity.id, getattr(entity, subject.owner))
        await store.commit(Insert(entity), Emit(made))
        return None

    return {"get": get, "page of 20": page, "insert with event": commit}


def mapped(
    sessions: async_sessionmaker[AsyncSession], subject: Subject, ids: list[str]
) -> dict[str, Work]:
    """The same by the ORM; the entity is made of the row, as a handler needs it."""
    declared, owner = subject.declared, getattr(subject.declared, subject.owner)
    stored = next(each for each in SQL_TABLES if each.table.kind is subject.kind)
    columns = stored.table.columns
    outbox = migrations.declared(subject.dialect.name).tables["outbox"]

    def entity_of(row: Any) -> Any:
        return stored.unpack(tuple([getattr(row, column) for column in columns]))

    async def get(number: int) -> object:
        async with sessions() as session:
            return entity_of(await session.get(declared, ids[number % len(ids)]))

    async def page(number: int) -> object:
        async with sessions() as session:
            query = select(declared).where(owner == _owners[number % OWNERS])
            query = query.order_by(declared.created_at.desc(), declared.id.desc()).limit(21)
            return [entity_of(row) for row in (await session.scalars(query)).all()]

    async def commit(number: int) -> object:
        entity = subject.make(number)
        event = Made(entity.id, getattr(entity, subject.owner)).envelope(_ids.new("evt"), "now")
        async with sessions() as session, session.begin():
            cells = dict(zip(columns, stored.pack(entity), strict=True))
            session.add(declared(**cells))
            await session.execute(
                outbox.insert(),
                {
                    "service": subject.service,
                    **{n: getattr(event, n) for n in Envelope.__slots__},
                },
            )
        return None

    return {"get": get, "page of 20": page, "insert with event": commit}


async def compare(subject: Subject, url: str) -> None:
    """Prints a line an operation."""
    await migrations.migrate(url)
    database = await subject.opened(url, revision=migrations.head(subject.dialect.name))
    store = SqlStore(database, SQL_TABLES, subject.service)
    entities = [subject.make(number) for number in range(ROWS)]
    for at in range(0, ROWS, 500):
        await store.commit(*[Insert(entity) for entity in entities[at : at + 500]])
    ids = [entity.id for entity in entities]
    pooled = engine(url, pooled=10)
    sessions = async_sessionmaker(pooled, expire_on_commit=False)
    ours, theirs = compiled(store, subject, ids), mapped(sessions, subject, ids)
    print(f"{subject.dialect.name:<12}{'':20}{'tasks':>6}{'store':>18}{'ORM':>18}")
    for name in ours:
        for tasks in (1, TASKS):
            cells = [await measured(side[name], tasks) for side in (ours, theirs)]
            figures = "".join(f"{cpu:>8.0f} µs {rate:>6.0f}/s" for cpu, rate in cells)
            print(f"{'':12}{name:<20}{tasks:>6}{figures}")
    await pooled.dispose()
    await database.close()


async def main() -> int:
    """0, or 2 when no server is configured."""
    found = [subject for subject in SUBJECTS if os.environ.get(subject.variable)]
    for subject in found:
        url, space = os.environ[subject.variable], f"bench_{secrets.token_hex(4)}"
        parts = urlsplit(url)
        if subject.dialect.name == "mysql":
            made, gone = f"CREATE DATABASE {space}", f"DROP DATABASE {space}"
            own = urlunsplit(parts._replace(path=f"/{space}"))
        else:
            made, gone = f"CREATE SCHEMA {space}", f"DROP SCHEMA {space} CASCADE"
            own = urlunsplit(parts._replace(query=f"search_path={space}"))
        admin = engine(url)
        async with admin.begin() as connection:
            await connection.execute(text(made))
        try:
            await compare(subject, own)
        finally:
            async with admin.begin() as connection:
                await connection.execute(text(gone))
            await admin.dispose()
    return 0 if found else 2


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
