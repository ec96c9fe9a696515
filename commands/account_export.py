"""Reads all of one account's data, as the lines of a file: header, records, counts and checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from commands.account_kinds import END, FORMAT, KINDS, VERSION, Kind
from generated.models import BudgetRecord, Customer, Expense, Order, UserRecord
from runtime.model import Entity
from runtime.ports import Query, Store, Where
from runtime.scalar import rfc3339

_PAGE = 200
# Kinds that are found by a field that names the account, and the order that an index has.
_OWNED = {
    "transaction": ("owner_id", "created_at"),
    "order": ("owner_id", "created_at"),
    "notification": ("user_id", "created_at"),
    "notificationReceipt": ("user_id", "notification_id"),
    "chatMessage": ("room", "created_at"),
    "task": ("owner_id", "created_at"),
}


class AccountExport:
    """One account's data; memory grows with the number of its budgets and customers alone."""

    def __init__(self, stores: Mapping[str, Store], user: UserRecord, *, secrets: bool) -> None:
        self._stores = stores
        self._user = user
        self._secrets = secrets
        self._hash = hashlib.sha256()
        self.counts = dict.fromkeys(KINDS, 0)

    async def lines(self, now: datetime) -> AsyncIterator[bytes]:
        """The file, a line at a time."""
        header = {
            "format": FORMAT,
            "version": VERSION,
            "exportedAt": rfc3339(now),
            "account": {"id": self._user.id, "email": self._user.email},
            "withPasswordHash": self._secrets,
        }
        yield self._line(header)
        async for kind, entity in self._records():
            self.counts[kind.name] += 1
            value = kind.written(entity, secrets=self._secrets)
            yield self._line({"kind": kind.name, "value": value})
        # Of every byte before this line.
        yield self._line(
            {"kind": END, "counts": self.counts, "sha256": self._hash.copy().hexdigest()}
        )

    def _line(self, value: dict[str, Any]) -> bytes:
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._hash.update(line)
        return line

    async def _records(self) -> AsyncIterator[tuple[Kind, Entity]]:
        """In the order of `KINDS`."""
        user = self._user
        yield KINDS["user"], user
        budgets = await self._budgets()
        for budget in budgets.values():
            yield KINDS["budget"], budget
        for id in budgets:
            async for mark in self._of("budgetThreshold", "budget_id", id, "period_start"):
                yield mark
        for id in budgets:
            async for spent in self._of("expense", "budget_id", id, "spent_on"):
                yield spent
        where = (Where("owner_id", "eq", user.id),)
        async for own in every(self._stores["expense"], Expense, where, "created_at"):
            # Those in others' budgets: one's own have come.
            if own.budget_id not in budgets:
                yield KINDS["expense"], own
        for customer in (await self._customers()).values():
            yield KINDS["customer"], customer
        for name, (field, sort) in _OWNED.items():
            async for record in self._of(name, field, user.id, sort):
                yield record

    async def _budgets(self) -> dict[str, BudgetRecord]:
        where = (Where("visibleTo", "has", self._user.id),)
        found: dict[str, BudgetRecord] = {}
        async for budget in every(self._stores["budget"], BudgetRecord, where, "id"):
            if budget.owner_id == self._user.id:
                found[budget.id] = budget
        return found

    async def _customers(self) -> dict[str, Customer]:
        where = (Where("owner_id", "eq", self._user.id),)
        orders = every(self._stores["order"], Order, where, "created_at")
        ids = dict.fromkeys([order.customer_id async for order in orders])
        return await self._stores["customer"].get_many(Customer, list(ids))

    async def _of(
        self, name: str, field: str, value: str, sort: str
    ) -> AsyncIterator[tuple[Kind, Entity]]:
        kind = KINDS[name]
        where = (Where(field, "eq", value),)
        async for entity in every(self._stores[kind.service], kind.entity, where, sort):
            yield kind, entity


async def every(
    store: Store, kind: type[Any], where: tuple[Where, ...], sort: str
) -> AsyncIterator[Any]:
    """All that match, a page at a time."""
    query = Query(where, ((sort, False),), _PAGE)
    while True:
        page = await store.page(kind, query)
        for entity in page.items:
            yield entity
        if not page.more:
            return
        last = page.items[-1]
        query = Query(where, query.sort, _PAGE, (getattr(last, sort), last.id))
