"""Reads an account's file and finds every fault in it, each with its line, before anything is done.

What the file says by itself is checked here: its form, its checksum, the contract's bounds, whose
each record is, and that what belongs together fits. What the platform holds already is checked by
commands/account_import.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any

from commands.account_kinds import END, FORMAT, KINDS, PLACES, VERSION, Kind
from generated.models import (
    BudgetRecord,
    BudgetThreshold,
    Currency,
    Expense,
    NotificationReceipt,
    NotificationRecord,
    Order,
    Transaction,
    TransactionKind,
    UserRecord,
)
from runtime.decode import JsonBody
from runtime.model import Entity, canonical
from runtime.problem import InputError, Problem

# A task's result is the largest text, each of its characters six bytes as JSON may write it.
LONGEST_LINE = 8_000_000
MOST_FAULTS = 100
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}")
_ID = re.compile(r"usr_[0-7][0-9a-hjkmnp-tv-z]{25}")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and on which line; 0: with the file as a whole."""

    line: int
    message: str
    pointer: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.pointer}{' ' if self.pointer else ''}{self.message}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the file."""

    line: int
    kind: Kind
    entity: Any


@dataclass(slots=True)
class AccountFile:
    """An open file, read once to check it and once more to take it."""

    file: IO[bytes]
    account_id: str = ""
    email: str = ""
    secrets: bool = False
    faults: list[Fault] = field(default_factory=list)
    # More were found than are kept.
    more: bool = False
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    budgets: dict[str, Currency] = field(default_factory=dict)
    # Budgets that have expenses in the file: their currency stays.
    spent_in: set[str] = field(default_factory=set)
    sums: dict[tuple[Currency, TransactionKind], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    digest: str = ""
    _bodies: dict[str, JsonBody[Any]] = field(default_factory=dict)
    _ids: dict[tuple[str, str], int] = field(default_factory=dict)
    _unique: dict[tuple[str, ...], int] = field(default_factory=dict)
    _place: int = 0

    def blame(self, line: int, message: str, pointer: str = "") -> None:
        """Adds a fault."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(line, message, pointer))
        else:
            self.more = True

    def check(self) -> Iterator[Record]:
        """Every record that can be read; afterwards `faults` has all that is wrong."""
        self.file.seek(0)
        hashed = hashlib.sha256()
        whole = False
        number = 0
        for number, line in self._lines():
            if whole:
                self.blame(number, "comes after the end")
                return
            if number == 1:
                if not self._header(line):
                    return
            elif (document := self._document(number, line)) is not None:
                if document.get("kind") == END:
                    self._end(number, document, hashed.hexdigest())
                    whole = True
                elif (record := self._record(number, document)) is not None:
                    self._fits(record)
                    yield record
            hashed.update(line)
        if number == 0:
            self.blame(0, "the file is empty")
        elif not whole:
            self.blame(number, "is the last line, but the file's end is missing: it was cut off")
        elif not self.counts["user"]:
            self.blame(0, "the account itself is missing")
        self.digest = hashed.hexdigest()

    def records(self) -> Iterator[Record]:
        """The records once more. Raises ValueError where the file was changed meanwhile."""
        self.file.seek(0)
        hashed = hashlib.sha256()
        for number, line in self._lines():
            hashed.update(line)
            if number == 1:
                continue
            document = json.loads(line)
            if document["kind"] != END:
                kind = KINDS[document["kind"]]
                entity = self._body(kind).check(document["value"])
                yield Record(number, kind, _exact(entity))
        if hashed.hexdigest() != self.digest:
            raise ValueError("the file was changed while it was read")

    # --- form -------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        while line := self.file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                self.blame(number, f"has more than {LONGEST_LINE} bytes")
                return
            yield number, line

    def _header(self, line: bytes) -> bool:
        document = self._document(1, line) or {}
        account = document.get("account")
        if document.get("format") != FORMAT or not isinstance(account, dict):
            self.blame(1, f"is not the header of a {FORMAT} file")
            return False
        if document.get("version") != VERSION:
            self.blame(1, f"this version reads files of version {VERSION}", "/version")
            return False
        id, email = account.get("id"), account.get("email")
        if not isinstance(id, str) or not _ID.fullmatch(id) or not isinstance(email, str):
            self.blame(1, "must name the account by id and email", "/account")
            return False
        self.account_id, self.email = id, email
        self.secrets = document.get("withPasswordHash") is True
        return True

    def _document(self, number: int, line: bytes) -> dict[str, Any] | None:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            self.blame(number, "is not JSON")
            return None
        if not isinstance(document, dict):
            self.blame(number, "is not a JSON object")
            return None
        return document

    def _end(self, number: int, document: dict[str, Any], digest: str) -> None:
        if document.get("counts") != self.counts:
            self.blame(number, "counts other records than the file has", "/counts")
        if document.get("sha256") != digest:
            self.blame(number, "is not the checksum of the lines above: they changed", "/sha256")

    def _body(self, kind: Kind) -> JsonBody[Any]:
        body = self._bodies.get(kind.name)
        if body is None:
            body = self._bodies[kind.name] = JsonBody(kind.entity)
        return body

    def _record(self, number: int, document: dict[str, Any]) -> Record | None:
        """The record on that line, if it is what the contract has."""
        name = document.get("kind")
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            self.blame(number, f"must be one of {', '.join(KINDS)}, {END}", "/kind")
            return None
        self.counts[kind.name] += 1
        if PLACES[kind.name] < self._place:
            self.blame(number, f"a {kind.name} comes before what stands on it", "/kind")
        self._place = max(self._place, PLACES[kind.name])
        value = document.get("value")
        hidden = kind.hidden - (kind.secret if self.secrets else frozenset())
        if isinstance(value, dict) and (held := sorted(hidden & value.keys())):
            self.blame(number, "is not a property here", f"/value/{held[0]}")
            return None
        faults: list[InputError] = []
        try:
            entity = self._body(kind).read(json.dumps(value).encode(), faults)
        except (Problem, ValueError, RecursionError) as error:
            words = "holds more than it may" if isinstance(error, RecursionError) else str(error)
            self.blame(number, words or "is not valid", "/value")
            return None
        for fault in faults:
            self.blame(number, fault.message, f"/value{fault.pointer}")
        if entity is None:
            return None
        try:
            return Record(number, kind, _exact(entity))
        except ValueError as error:
            self.blame(number, f"an amount has {error}", "/value")
            return None

    # --- whose it is, and what it goes with -------------------------------------------------------

    def _fits(self, record: Record) -> None:
        number, kind, entity = record.line, record.kind, record.entity
        first = self._ids.setdefault((kind.name, entity.id), number)
        if first != number:
            self.blame(number, f"line {first} has this id, too", "/value/id")
        match entity:
            case UserRecord():
                self._user(number, entity)
            case BudgetRecord():
                self._own(number, entity.owner_id, "ownerId")
                self._budget(number, entity)
            case BudgetThreshold():
                if entity.budget_id not in self.budgets:
                    self.blame(number, "is no budget of this file", "/value/budgetId")
                if entity.id != f"{entity.budget_id}:{entity.period_start}:{entity.percent}":
                    self.blame(number, "is not what the rest makes it", "/value/id")
            case Expense():
                self._expense(number, entity)
            case Transaction():
                self._own(number, entity.owner_id, "ownerId")
                self._once(number, "reversalOf", entity.reversal_of)
                if entity.order_id is not None:
                    self._once(number, "orderId", entity.order_id, entity.kind.value)
                self.sums[entity.currency, entity.kind] += entity.amount
            case Order():
                self._own(number, entity.owner_id, "ownerId")
                lines = (line.quantity * line.unit_price for line in entity.lines)
                if sum(lines, Decimal(0)) != entity.total:
                    self.blame(number, "is not the sum of the lines", "/value/total")
                if ("customer", entity.customer_id) not in self._ids:
                    self.blame(number, "is no customer of this file", "/value/customerId")
            case NotificationRecord():
                self._own(number, entity.user_id, "userId")
            case NotificationReceipt():
                self._own(number, entity.user_id, "userId")
                if entity.id != f"{entity.notification_id}:{entity.user_id}":
                    self.blame(number, "is not what the rest makes it", "/value/id")
            case _:
                if kind.owner is not None:
                    field = "room" if kind.name == "chatMessage" else "ownerId"
                    self._own(number, kind.owner(entity), field)

    def _own(self, number: int, id: str, field: str) -> None:
        if id != self.account_id:
            self.blame(number, "is another account's", f"/value/{field}")

    def _once(self, number: int, field: str, *values: str | None) -> None:
        """No other record of the file says that."""
        if values[0] is None:
            return
        first = self._unique.setdefault((field, *(str(value) for value in values)), number)
        if first != number:
            self.blame(number, f"line {first} has the same", f"/value/{field}")

    def _user(self, number: int, user: UserRecord) -> None:
        if self.counts["user"] > 1:
            self.blame(number, "is a second account: a file has one", "/kind")
        self._own(number, user.id, "id")
        if user.email != self.email or user.email != user.email.lower():
            self.blame(number, "is not the header's, or not in lower case", "/value/email")
        if user.password_hash is not None and not _BCRYPT.fullmatch(user.password_hash):
            self.blame(number, "is no hash of bcrypt", "/value/passwordHash")

    def _budget(self, number: int, budget: BudgetRecord) -> None:
        self.budgets[budget.id] = budget.currency
        if budget.ends_on is not None and budget.ends_on < budget.starts_on:
            self.blame(number, "is before startsOn", "/value/endsOn")
        members = [member.user_id for member in budget.members]
        if len(set(members)) < len(members) or budget.owner_id in members:
            self.blame(number, "has the owner, or somebody twice", "/value/members")

    def _expense(self, number: int, expense: Expense) -> None:
        currency = self.budgets.get(expense.budget_id)
        if currency is None:
            # In somebody else's budget: then at least it is the account's own.
            self._own(number, expense.owner_id, "ownerId")
        else:
            self.spent_in.add(expense.budget_id)
            if currency is not expense.currency:
                self.blame(number, f"its budget is in {currency.value}", "/value/currency")
        if expense.external_id is not None:
            self._once(number, "externalId", expense.external_id, expense.budget_id)


def _exact(entity: Entity) -> Entity:
    """With the currency's decimals, as stores keep amounts. Raises ValueError for more of them."""
    match entity:
        case BudgetRecord():
            return entity.but(limit=canonical(entity.limit, entity.currency.value))
        case Expense() | Transaction():
            return entity.but(amount=canonical(entity.amount, entity.currency.value))
        case Order():
            currency = entity.currency.value
            lines = [
                line.but(unit_price=canonical(line.unit_price, currency)) for line in entity.lines
            ]
            return entity.but(total=canonical(entity.total, currency), lines=lines)
        case _:
            return entity
