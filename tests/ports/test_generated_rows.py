"""The contract's entities on the servers that it wants them on: they come back as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import migrations
from generated.models import (
    AccountBalance,
    ChatMessage,
    Currency,
    NotificationKind,
    NotificationReceipt,
    NotificationRecord,
    TaskKind,
    TaskParameters,
    TaskRecord,
    TaskStatus,
    Transaction,
    TransactionKind,
)
from generated.rows import SQL_TABLES
from runtime.adapters.sql import SqlStore
from runtime.adapters.sql.engine import engine
from runtime.ids import TypeIds
from runtime.model import Entity, assemble
from runtime.ports import Insert, Query, Update
from tests.ports.sql_platforms import Mysql, Postgres, Server

pytestmark = pytest.mark.anyio

SERVERS = {"postgresql": ("postgres", Postgres), "mysql": ("mariadb", Mysql)}
_ids = TypeIds()
MOMENTS = {
    "created_at": datetime(1900, 1, 1, tzinfo=UTC),
    "updated_at": datetime(2199, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
}
# As many bytes as characters can have.
WIDE = "\U0001f4b8"
USER = _ids.new("usr")


def entities() -> list[Entity]:
    """Each kind with all that it may have, at its widest, and with the least."""
    owned = {"version": 1, **MOMENTS, "owner_id": USER}
    money = {
        Currency.USD: "9999999999999999.99",
        Currency.JPY: "9999999999999999",
        Currency.KWD: "9999999999999999.999",
    }
    kinds: list[tuple[type[Any], dict[str, Any]]] = []
    for currency, amount in money.items():
        kinds.append(
            (
                AccountBalance,
                {
                    **owned,
                    "id": f"{_ids.new('usr')}:{currency.value}",
                    "credit": Decimal(amount),
                    "debit": Decimal("0").quantize(Decimal(amount)),
                    "currency": currency,
                },
            )
        )
        kinds.append(
            (
                Transaction,
                {
                    **owned,
                    "id": _ids.new("txn"),
                    "amount": Decimal(amount),
                    "currency": currency,
                    "kind": TransactionKind.CREDIT,
                    "description": WIDE * 200,
                    "budget_id": _ids.new("bud"),
                    "order_id": _ids.new("ord"),
                    "reversal_of": _ids.new("txn"),
                },
            )
        )
    task = {
        **owned,
        "attempts": 2**31 - 1,
        "kind": TaskKind.EXPORT_EXPENSES,
        "progress": 100,
        "status": TaskStatus.SUCCEEDED,
    }
    kinds += [
        (
            TaskRecord,
            {
                **task,
                "id": _ids.new("tsk"),
                "error": WIDE * 500,
                "input": assemble(
                    TaskParameters, {**dict.fromkeys(TaskParameters.model_fields), "text": WIDE * 9}
                ),
                "result": WIDE * 1_000_000,
                "lease_until": MOMENTS["updated_at"],
                "runner_id": "r" * 30,
            },
        ),
        (
            ChatMessage,
            {
                "version": 1,
                **MOMENTS,
                "id": _ids.new("msg"),
                "author_id": USER,
                "room": USER,
                "text": "\t\n\\'" + WIDE * 1996,
            },
        ),
        (
            NotificationRecord,
            {
                "version": 1,
                **MOMENTS,
                "id": _ids.new("ntf"),
                "body": WIDE * 2000,
                "kind": NotificationKind.ANNOUNCEMENT,
                "read_at": MOMENTS["updated_at"],
                "subject_id": USER,
                "title": WIDE * 120,
                "user_id": USER,
                "unread": True,
            },
        ),
        (
            NotificationReceipt,
            {
                "version": 1,
                **MOMENTS,
                "id": f"{USER}:{_ids.new('ntf')}",
                "deleted_at": MOMENTS["created_at"],
                "notification_id": _ids.new("ntf"),
                "read_at": MOMENTS["created_at"],
                "user_id": USER,
            },
        ),
    ]
    found: list[Entity] = []
    optional = {stored.table.kind: stored.optional for stored in SQL_TABLES}
    for kind, values in kinds:
        assert set(values) == set(kind.model_fields), kind
        found.append(assemble(kind, values))
        least = {name: None if name in optional[kind] else value for name, value in values.items()}
        least["id"] = values["id"][:-1] + ("0" if values["id"][-1] != "0" else "1")
        found.append(assemble(kind, least))
    return found


@pytest.fixture(
    params=[pytest.param(home, marks=pytest.mark.server(SERVERS[home][0])) for home in SERVERS]
)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """A migrated database."""
    server = SERVERS[request.param][1](tmp_path)
    await server.admin(server.creation)
    await migrations.migrate(server.url)
    yield server
    await server.admin(server.removal)


async def test_what_the_contract_keeps_there_comes_back_as_it_was(server: Server) -> None:
    database = await server.database()
    home = server.dialect.name
    services = {s.table.service for s in SQL_TABLES if s.home == home}
    stores = {name: SqlStore(database, SQL_TABLES, name) for name in services}
    homes = {s.table.kind: s for s in SQL_TABLES if s.home == home}
    kept = 0
    for entity in entities():
        kind = type(entity)
        if kind not in homes:
            continue
        kept += 1
        store = stores[homes[kind].table.service]
        await store.commit(Insert(entity))
        found = await store.get(kind, entity.id)
        assert found == entity
        # Down to how it is written: 5.00 is not 5.000.
        written, read = ({n: repr(v) for n, v in vars(e).items()} for e in (entity, found))
        assert read == written
        changed = entity.but(version=2)
        await store.commit(Update(changed))
        assert changed in (await store.page(kind, Query(limit=10))).items
    assert kept >= 6
    await database.close()


async def test_readers_see_the_same_through_the_declared_tables(server: Server) -> None:
    """The SQLModel classes are for administration: they read what the stores write."""
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlmodel import select

    from generated import tables

    database = await server.database()
    home = server.dialect.name
    kinds = {s.table.kind: s for s in SQL_TABLES if s.home == home}
    some = [entity for entity in entities() if type(entity) in kinds]
    for entity in some:
        service = kinds[type(entity)].table.service
        await SqlStore(database, SQL_TABLES, service).commit(Insert(entity))
    made = engine(server.url)
    async with AsyncSession(made) as session:
        for entity in some:
            stored = kinds[type(entity)]
            name = type(entity).__name__.removesuffix("Record")
            declared: Any = getattr(tables, f"{name}Table")
            row = (await session.scalars(select(declared).where(declared.id == entity.id))).one()
            for column, cell in zip(stored.table.columns, stored.pack(entity), strict=True):
                value = getattr(row, column)
                if column == "input":
                    assert isinstance(value, dict)
                else:
                    assert value == cell, column
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 0
    await made.dispose()
    await database.close()


def test_every_kind_has_a_home_that_is_tested() -> None:
    assert {s.home for s in SQL_TABLES} == set(SERVERS)
    assert {type(entity) for entity in entities()} == {s.table.kind for s in SQL_TABLES}
