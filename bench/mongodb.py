"""What the store on MongoDB costs, beside Beanie's ODM over the same documents: `python -m
bench.mongodb`, with MONGO_DB_URI set. It makes a database of its own and drops it.

CPU is this process's, in µs an operation; the server's is not in it. Beanie validates each document
that it reads; its commit is the insert of a document with the event inside, without the number that
keeps events in the order of their commits across documents (runtime/adapters/mongodb/sequence.py).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import uvloop

from generated.collections import COLLECTIONS
from generated.documents import DOCUMENTS, ExpenseDocument
from generated.models import Currency, Expense
from runtime.adapters.mongodb import MongoDatabase, MongoStore
from runtime.adapters.mongodb.declared import OutboxEntry
from runtime.adapters.mongodb.schema import migrate
from runtime.ids import TypeIds
from runtime.model import assemble
from runtime.ports import Emit, Envelope, Insert, Query, Remember, Update, Where

ROUNDS = 5
SECONDS = 0.4
STORED = 2000
_IDS = TypeIds()
_START = datetime(2026, 11, 1, tzinfo=UTC)
_DATA = b'{"after": "%s"}' % (b"x" * 400)

Operation = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of half a kilobyte."""

    key: str

    def envelope(self, id: str, time: str, traceparent: str = "") -> Envelope:
        """The event as it travels."""
        return Envelope(id, "x.v1", "expense-events", self.key, self.key, 1, time, _DATA, "")


def expense(number: int, budget: str) -> Expense:
    """An expense like any other."""
    return assemble(
        Expense,
        {
            "id": _IDS.new("exp"),
            "version": 1,
            "amount": Decimal(number % 900) + Decimal("12.34"),
            "budget_id": budget,
            "category": "groceries",
            "created_at": _START + timedelta(seconds=number),
            "currency": Currency.USD,
            "description": f"The week's shopping, number {number}",
            "external_id": None,
            "note": "paid by card",
            "owner_id": "usr_01h455vb4pex5vsknk084sn02q",
            "spent_on": date(2026, 11, 1 + number % 28),
            "tags": ["food", "home"],
            "updated_at": _START + timedelta(seconds=number),
        },
    )


def declared(entity: Expense, event: OutboxEntry | None = None) -> ExpenseDocument:
    """The same as Beanie's document."""
    return ExpenseDocument(**dict(entity), outbox=[event] if event else [])


async def measured(operation: Operation, tasks: int) -> tuple[float, float]:
    """CPU in µs an operation, and operations a second."""
    done = 0
    until = time.perf_counter() + SECONDS

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await operation()
            done += 1

    await operation()
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*[work() for _ in range(tasks)])
    return (time.process_time() - cpu) / done * 1e6, done / (time.perf_counter() - began)


async def run() -> None:
    """Prints the table: medians of interleaved rounds."""
    parts = urlsplit(os.environ["MONGO_DB_URI"])
    uri = urlunsplit(parts._replace(path=f"/bench_{secrets.token_hex(4)}"))
    database = await MongoDatabase.open(uri)
    await migrate(database, DOCUMENTS, ["expense"])
    store = MongoStore(database, COLLECTIONS, "expense")
    budgets = [_IDS.new("bud") for _ in range(STORED // 50)]
    stored = [expense(number, budgets[number % len(budgets)]) for number in range(STORED)]
    await store.commit(*[Insert(entity) for entity in stored])
    turn = iter(range(10**9))
    latest = {entity.id: entity for entity in stored}
    budget = budgets[0]

    def some() -> Expense:
        return stored[next(turn) * 7 % STORED]

    async def page() -> None:
        query = Query((Where("budget_id", "eq", budget),), (("spent_on", True),), 20)
        assert len((await store.page(Expense, query)).items) == 20

    async def page_of_beanie() -> None:
        found = ExpenseDocument.find(ExpenseDocument.budget_id == budget)
        assert len(await found.sort("-spent_on", "-_id").limit(20).to_list()) == 20

    async def insert() -> None:
        await store.commit(Insert(expense(next(turn), _IDS.new("bud"))), Emit(Happened("k")))

    async def insert_of_beanie() -> None:
        event = OutboxEntry(
            at=0,
            id=_IDS.new("evt"),
            type="x.v1",
            channel="expense-events",
            key="k",
            subject="k",
            version=1,
            time="2026-11-01T00:00:00.000Z",
            data=_DATA,
        )
        await declared(expense(next(turn), _IDS.new("bud")), event).insert()

    async def update() -> None:
        entity = some()
        entity = latest[entity.id].but(version=latest[entity.id].version + 1)
        latest[entity.id] = entity
        await store.commit(Update(entity))

    async def update_of_beanie() -> None:
        document = declared(some())
        await ExpenseDocument.find_one(
            ExpenseDocument.id == document.id, ExpenseDocument.version >= 1
        ).update({"$set": {"note": "paid in cash", "updated_at": document.updated_at}})

    async def answered() -> None:
        record = Remember("usr", _IDS.new("key"), "createExpense", b"f", None)
        entity = expense(next(turn), _IDS.new("bud"))
        await store.commit(Insert(entity), Emit(Happened("k")), record)

    rows: list[tuple[str, Operation, Operation | None, int]] = [
        ("get", lambda: store.get(Expense, some().id), lambda: ExpenseDocument.get(some().id), 1),
        ("get", lambda: store.get(Expense, some().id), lambda: ExpenseDocument.get(some().id), 32),
        ("page of 20", page, page_of_beanie, 1),
        ("page of 20", page, page_of_beanie, 32),
        ("commit with outbox", insert, insert_of_beanie, 1),
        ("commit with outbox", insert, insert_of_beanie, 32),
        ("update", update, update_of_beanie, 1),
        ("update", update, update_of_beanie, 32),
        ("commit with outbox and answer", answered, None, 1),
        ("commit with outbox and answer", answered, None, 32),
    ]
    print("| operation | tasks | ours, µs | ours, a second | Beanie, µs | Beanie, a second |")
    print("|---|---|---|---|---|---|")
    try:
        for name, ours, theirs, tasks in rows:
            figures: list[list[tuple[float, float]]] = [[], []]
            for _ in range(ROUNDS):
                figures[0].append(await measured(ours, tasks))
                if theirs:
                    figures[1].append(await measured(theirs, tasks))
            cells = [
                f"{median(f[0] for f in side):.0f} | {median(f[1] for f in side):.0f}"
                for side in figures
                if side
            ]
            print(f"| {name} | {tasks} | {' | '.join(cells)}{'' if theirs else ' | | '} |")
    finally:
        await database.client.drop_database(database.documents.name)
        await database.close()


if __name__ == "__main__":
    uvloop.run(run())
