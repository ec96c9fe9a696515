"""Demo data: accounts for every role, and a believable year. Repeatable: what is there stays.

It goes through the handlers, as a client's calls do, so the counters, the index and the
notifications come about as they always do. Sown on one day it is the same year each time.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from generated import operations
from generated.models import (
    Budget,
    BudgetInput,
    ChatMessageInput,
    Customer,
    CustomerInput,
    Order,
    OrderInput,
    OrderLine,
    OrderStatus,
    OrderStatusInput,
    Period,
    Role,
    TransactionInput,
    TransactionKind,
    User,
)
from generated.services import (
    BudgetService,
    CustomerService,
    ExpenseService,
    NotificationService,
    OrderService,
    TransactionService,
)
from runtime.call import Call, Caller
from runtime.operation import Operation
from runtime.ports import Clock
from runtime.upload import Upload

PASSWORD = "password123"  # noqa: S105 # printed in the README; `seed` refuses real servers
_ACCOUNTS = (
    ("user@example.com", "Ursula User", Role.USER),
    ("manager@example.com", "Max Manager", Role.MANAGER),
    ("support@example.com", "Sam Support", Role.SUPPORT),
    ("admin@example.com", "Ada Admin", Role.ADMIN),
)
# Budget: name, limit, period, and its expenses: category, descriptions, least, most, times a month.
_BUDGETS: tuple[
    tuple[str, str, Period, tuple[tuple[str, tuple[str, ...], int, int, int], ...]], ...
] = (
    (
        "Household",
        "1450.00",
        Period.MONTHLY,
        (
            ("Groceries", ("Weekly market", "Supermarket", "Bakery", "Farm shop"), 12, 96, 9),
            ("Rent", ("Rent",), 780, 780, 1),
            ("Utilities", ("Electricity", "Water", "Internet"), 24, 88, 3),
            ("Health", ("Pharmacy", "Dentist"), 8, 120, 1),
        ),
    ),
    (
        "Getting around",
        "160.00",
        Period.MONTHLY,
        (
            ("Transport", ("Train ticket", "Monthly pass", "Bike repair", "Taxi home"), 4, 62, 4),
            ("Fuel", ("Petrol station",), 38, 71, 1),
        ),
    ),
    (
        "Eating out",
        "55.00",
        Period.WEEKLY,
        (("Restaurants", ("Pizzeria", "Lunch with Kim", "Café", "Ramen bar"), 6, 48, 5),),
    ),
    (
        "Holidays",
        "2800.00",
        Period.YEARLY,
        (("Travel", ("Hotel", "Flight", "Museum", "Ferry", "Souvenirs"), 14, 340, 1),),
    ),
)


class AuthAdmin(Protocol):
    """What the command line may ask of the auth service beyond the contract."""

    async def make_account(self, email: str, name: str, password: str, role: Role) -> bool:
        """A verified account with any password; False when the address has one."""
        ...

    async def set_role(self, email: str, role: Role) -> User | None:
        """Gives an account a role and counts its address as verified."""
        ...

    async def caller_of(self, email: str) -> Caller | None:
        """The account as a caller."""
        ...


class World(Protocol):
    """The wired platform, as far as sowing needs it."""

    @property
    def auth(self) -> AuthAdmin:
        """Accounts."""
        ...

    @property
    def budget(self) -> BudgetService:
        """Budgets."""
        ...

    @property
    def expense(self) -> ExpenseService:
        """Expenses."""
        ...

    @property
    def customer(self) -> CustomerService:
        """Customers."""
        ...

    @property
    def order(self) -> OrderService:
        """Orders."""
        ...

    @property
    def transaction(self) -> TransactionService:
        """The ledger."""
        ...

    @property
    def notification(self) -> NotificationService:
        """Notifications and chat."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    async def drained(self) -> bool:
        """Waits until every event has had its effect."""
        ...


async def sow(world: World) -> dict[str, Any]:
    """Makes what is missing; gives counts of what was made, and the accounts."""
    made = dict.fromkeys(("accounts", "budgets", "expenses", "customers", "orders"), 0)
    callers: dict[Role, Caller] = {}
    for email, name, role in _ACCOUNTS:
        made["accounts"] += await world.auth.make_account(email, name, PASSWORD, role)
        caller = await world.auth.caller_of(email)
        if caller is not None:  # it was made above
            callers[role] = caller
    await _year(world, callers[Role.USER], made)
    await _trade(world, callers[Role.MANAGER], made)
    await _ledger(world, callers[Role.USER])
    await _talk(world, callers[Role.USER], callers[Role.SUPPORT])
    await world.drained()
    accounts = [
        {"email": email, "password": PASSWORD, "role": role.value} for email, _, role in _ACCOUNTS
    ]
    return {"made": made, "accounts": accounts}


def _call(operation: Operation, caller: Caller) -> Call:
    call = Call(operation, "cli", "seed", user_agent="budget-manager seed")
    call.caller = caller
    call.level = "owner"
    return call


async def _year(world: World, owner: Caller, made: dict[str, int]) -> None:
    """Four budgets, and a year of expenses in them; known rows are skipped by externalId."""
    today = world.clock.today()
    begins = date(today.year - 1, today.month, 1)
    page = await world.budget.list_budgets(_call(operations.LIST_BUDGETS, owner), page_size=200)
    known = {budget.name: budget for budget in page.items if budget.owner_id == owner.user_id}
    chance = random.Random(2026)  # noqa: S311 # a believable year, not a secret
    for name, limit, period, habits in _BUDGETS:
        budget = known.get(name)
        if budget is None:
            # A year's budget runs with the calendar's.
            starts = begins.replace(month=1) if period is Period.YEARLY else begins
            body = BudgetInput(name=name, limit=Decimal(limit), period=period, starts_on=starts)
            budget = await world.budget.create_budget(
                _call(operations.CREATE_BUDGET, owner), body=body
            )
            made["budgets"] += 1
        rows = list(_rows(chance, begins, today, habits))
        report = await world.expense.import_expenses(
            _call(operations.IMPORT_EXPENSES, owner),
            budget_id=budget.id,
            dry_run=False,
            body=Upload("application/x-ndjson", _lines(budget, rows)),
        )
        made["expenses"] += report.created


def _rows(
    chance: random.Random,
    begins: date,
    today: date,
    habits: tuple[tuple[str, tuple[str, ...], int, int, int], ...],
) -> Iterator[dict[str, Any]]:
    month = begins
    while month <= today:
        following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
        for category, descriptions, least, most, times in habits:
            for number in range(times):
                day = month + timedelta(days=chance.randrange((following - month).days))
                cents = chance.randint(least * 100, most * 100) if least < most else least * 100
                description = chance.choice(descriptions)
                if day <= today:
                    yield {
                        "description": description,
                        "amount": f"{cents // 100}.{cents % 100:02}",
                        "category": category,
                        "spentOn": day.isoformat(),
                        "externalId": f"demo-{category}-{month:%Y-%m}-{number}",
                    }
        month = following


async def _lines(budget: Budget, rows: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    for row in rows:
        yield json.dumps(row).encode() + b"\n"


async def _trade(world: World, manager: Caller, made: dict[str, int]) -> None:
    """Two customers, and an order in every state that one can be in."""
    page = await world.customer.list_customers(
        _call(operations.LIST_CUSTOMERS, manager), page_size=200
    )
    known = {customer.email: customer for customer in page.items}
    for name, email, phone in (
        ("Corner Café", "hello@corner-cafe.example", "+44 20 7946 0011"),
        ("Studio North", "office@studio-north.example", "+49 30 5550 0123"),
    ):
        if email in known:
            continue
        customer = await world.customer.create_customer(
            _call(operations.CREATE_CUSTOMER, manager),
            body=CustomerInput(name=name, email=email, phone=phone),
        )
        made["customers"] += 1
        for steps in range(5):
            await _order(world, manager, customer, steps)
            made["orders"] += 1


_STEPS = (OrderStatus.CONFIRMED, OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED)


async def _order(world: World, manager: Caller, customer: Customer, steps: int) -> Order:
    lines = [
        OrderLine(product="Coffee beans, 1 kg", quantity=2 + steps, unit_price=Decimal("18.50")),
        OrderLine(product="Delivery", quantity=1, unit_price=Decimal("4.90")),
    ]
    order = await world.order.create_order(
        _call(operations.CREATE_ORDER, manager),
        body=OrderInput(customer_id=customer.id, lines=lines),
    )
    for status in _STEPS[:steps]:
        order = await world.order.set_order_status(
            _call(operations.SET_ORDER_STATUS, manager),
            id=order.id,
            body=OrderStatusInput(status=status),
        )
    return order


async def _ledger(world: World, owner: Caller) -> None:
    """A salary and a standing order, once."""
    page = await world.transaction.list_transactions(
        _call(operations.LIST_TRANSACTIONS, owner), page_size=1
    )
    if page.items:
        return
    for kind, amount, description in (
        (TransactionKind.CREDIT, "3150.00", "Salary"),
        (TransactionKind.DEBIT, "780.00", "Rent"),
        (TransactionKind.DEBIT, "250.00", "Savings plan"),
    ):
        await world.transaction.create_transaction(
            _call(operations.CREATE_TRANSACTION, owner),
            body=TransactionInput(kind=kind, amount=Decimal(amount), description=description),
        )


async def _talk(world: World, owner: Caller, support: Caller) -> None:
    """A short talk with support, once."""
    room = owner.user_id
    page = await world.notification.list_chat_messages(
        _call(operations.LIST_CHAT_MESSAGES, owner), room=room, page_size=1
    )
    if page.items:
        return
    for speaker, text in (
        (owner, "Hello, can I share a budget with my flatmate?"),
        (support, "You can: invite them by address, as editor or viewer."),
        (owner, "Thank you!"),
    ):
        await world.notification.send_chat_message(
            _call(operations.SEND_CHAT_MESSAGE, speaker),
            room=room,
            body=ChatMessageInput(text=text),
        )
