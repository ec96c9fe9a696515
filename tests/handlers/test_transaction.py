"""The ledger: rows never change, each is reversed once, and the balance is always their sum."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generated.errors import AlreadyReversed, AmountPrecision, AmountTooLarge, ReversalFixed
from generated.events import OrderCancelled, OrderPaid, UserDeleted
from generated.models import (
    AccountBalance,
    Balance,
    Currency,
    MemberRole,
    Order,
    OrderLine,
    OrderStatus,
    Transaction,
    TransactionInput,
    TransactionKind,
    TransactionPage,
)
from generated.operations import OPERATIONS
from handlers.access import NOBODY
from handlers.transaction import TransactionHandlers
from runtime.call import Caller
from runtime.ports import Delivery, Emit, Query, Seen, Update
from runtime.problem import NotFound
from tests.handlers.household import Household, account
from tests.handlers.world import World, call, somebody

pytestmark = pytest.mark.anyio

CREDIT, DEBIT = TransactionKind.CREDIT, TransactionKind.DEBIT


async def book(
    house: Household,
    caller: Caller,
    kind: TransactionKind,
    amount: str,
    currency: Currency = Currency.USD,
    *,
    key: str | None = None,
    budget_id: str | None = None,
) -> Transaction:
    """A new row."""
    body = TransactionInput(
        kind=kind,
        amount=Decimal(amount),
        currency=currency,
        description="Something",
        budget_id=budget_id,
    )
    row: Transaction = await house.run(caller, "createTransaction", key=key, body=body)
    return row


async def balance(house: Household, caller: Caller, **asked: Any) -> dict[str, str]:
    """The caller's balance by currency."""
    found: Balance = await house.run(caller, "getBalance", **asked)
    return {entry.currency.value: str(entry.balance) for entry in found.items}


async def test_a_balance_is_credits_less_debits_by_currency(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    await book(house, ann, CREDIT, "500")
    await book(house, ann, DEBIT, "120.50")
    await book(house, ann, DEBIT, "7", Currency.JPY)
    await book(house, bob, CREDIT, "1")
    assert await balance(house, ann) == {"JPY": "-7", "USD": "379.50"}
    assert await balance(house, ann, currency=Currency.JPY) == {"JPY": "-7"}
    found: Balance = await house.run(ann, "getBalance", currency=Currency.USD)
    assert [(str(e.credit), str(e.debit)) for e in found.items] == [("500.00", "120.50")]
    assert await balance(house, somebody(house.world)) == {}


async def test_a_reversal_takes_a_row_back_once(house: Household) -> None:
    ann = somebody(house.world)
    row = await book(house, ann, CREDIT, "5.00")
    reversal: Transaction = await house.run(ann, "reverseTransaction", id=row.id)
    assert (reversal.kind, reversal.amount, reversal.reversal_of) == (DEBIT, row.amount, row.id)
    assert await balance(house, ann) == {"USD": "0.00"}
    with pytest.raises(AlreadyReversed):
        await house.run(ann, "reverseTransaction", id=row.id)
    with pytest.raises(ReversalFixed):
        await house.run(ann, "reverseTransaction", id=reversal.id)
    assert await house.run(ann, "getTransaction", id=row.id) == row


async def test_reversals_at_once_book_one(house: Household) -> None:
    ann = somebody(house.world)
    row = await book(house, ann, DEBIT, "5.00")
    results = await asyncio.gather(
        *(house.run(ann, "reverseTransaction", id=row.id) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Transaction) for result in results) == 1
    assert sum(isinstance(result, AlreadyReversed) for result in results) == 7
    assert await balance(house, ann) == {"USD": "0.00"}


async def test_rows_booked_at_once_are_all_in_the_balance(house: Household) -> None:
    ann = somebody(house.world)
    await asyncio.gather(*(book(house, ann, CREDIT, "1.00") for _ in range(50)))
    assert await balance(house, ann) == {"USD": "50.00"}


async def test_writers_of_two_processes_meet_and_lose_nothing(house: Household) -> None:
    ann, world = somebody(house.world), house.world
    store = house.stores["transaction"]
    # Each has its own turns: only the versions are between the two.
    both = [
        TransactionHandlers(store=store, ids=world.ids, clock=world.clock, pager=world.pager)
        for _ in range(2)
    ]
    body = TransactionInput(kind=CREDIT, amount=Decimal(1), description="Something")
    for _ in range(10):
        made = call(OPERATIONS["createTransaction"], ann)
        await asyncio.gather(*(one.create_transaction(made, body=body) for one in both))
    assert await balance(house, ann) == {"USD": "20.00"}


async def test_a_repeated_key_books_once(house: Household) -> None:
    ann = somebody(house.world)
    first = await book(house, ann, CREDIT, "1.00", key="k")
    assert await book(house, ann, CREDIT, "1.00", key="k") == first
    assert await balance(house, ann) == {"USD": "1.00"}


async def test_amounts_keep_to_their_currency_and_to_what_can_be_kept(house: Household) -> None:
    ann = somebody(house.world)
    with pytest.raises(AmountPrecision):
        await book(house, ann, CREDIT, "0.5", Currency.JPY)
    sums = await house.stores["transaction"].get(AccountBalance, f"{ann.user_id}:USD")
    assert sums is None
    await book(house, ann, CREDIT, "1.00")
    sums = await house.stores["transaction"].get(AccountBalance, f"{ann.user_id}:USD")
    assert sums is not None
    full = sums.but(credit=Decimal("8999999999999999.00"), version=sums.version + 1)
    await house.stores["transaction"].commit(Update(full))
    await book(house, ann, CREDIT, "1.00")
    with pytest.raises(AmountTooLarge):
        await book(house, ann, CREDIT, "0.01")


async def test_a_ledger_is_its_owners_alone(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    row = await book(house, ann, CREDIT, "1.00")
    for operation in ("getTransaction", "reverseTransaction"):
        with pytest.raises(NotFound):
            await house.run(bob, operation, id=row.id)
    assert await house.run(somebody(house.world, "admin"), "getTransaction", id=row.id) == row
    page: TransactionPage = await house.run(bob, "listTransactions")
    assert page.items == []


async def test_a_budget_that_is_named_must_be_seen(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(bob)
    with pytest.raises(NotFound):
        await book(house, ann, DEBIT, "1.00", budget_id=budget.id)
    await house.share(bob, budget, ann, MemberRole.VIEWER)
    row = await book(house, ann, DEBIT, "1.00", budget_id=budget.id)
    page: TransactionPage = await house.run(ann, "listTransactions", budget_id=budget.id)
    assert page.items == [row]


# --- orders ---------------------------------------------------------------------------------------


def order(
    world: World, owner: Caller, status: OrderStatus, total: str = "12.00", number: int = 0
) -> Order:
    """An order, as its service publishes it."""
    now = world.clock.now()
    return Order(
        id=f"ord_{number:026}",
        version=3,
        created_at=now,
        updated_at=now,
        owner_id=owner.user_id,
        customer_id="cus_01jd8z4k5qf6x8v0m2t7n9w301",
        lines=[OrderLine(product="Desk", quantity=1, unit_price=Decimal(total))],
        currency=Currency.USD,
        total=Decimal(total),
        status=status,
    )


def paid(house: Household, owner: Caller, total: str = "12.00") -> OrderPaid:
    confirmed = order(house.world, owner, OrderStatus.CONFIRMED, total)
    return OrderPaid(before=confirmed, after=confirmed.but(status=OrderStatus.PAID))


def cancelled(house: Household, owner: Caller, after: OrderStatus) -> OrderCancelled:
    before = order(house.world, owner, after)
    return OrderCancelled(before=before, after=before.but(status=OrderStatus.CANCELLED))


async def publish(house: Household, *events: OrderPaid | OrderCancelled | UserDeleted) -> None:
    await house.stores["transaction"].commit(*map(Emit, events))
    await house.world.drained()


async def rows_of(house: Household) -> list[tuple[TransactionKind, str, bool]]:
    page = await house.stores["transaction"].page(Transaction, Query(sort=(("kind", False),)))
    return [(row.kind, str(row.amount), row.reversal_of is not None) for row in page.items]


async def test_a_paid_order_is_booked_once_however_often_it_is_told(house: Household) -> None:
    ann = somebody(house.world, "manager")
    await publish(house, paid(house, ann), paid(house, ann))
    await publish(house, paid(house, ann))
    assert await rows_of(house) == [(CREDIT, "12.00", False)]
    assert await balance(house, ann) == {"USD": "12.00"}
    page: TransactionPage = await house.run(ann, "listTransactions", order_id=f"ord_{0:026}")
    assert len(page.items) == 1


@pytest.mark.parametrize("late", [False, True])
async def test_an_order_cancelled_after_it_was_paid_is_reversed_in_any_order(
    house: Household, late: bool
) -> None:
    ann = somebody(house.world, "manager")
    first, second = paid(house, ann), cancelled(house, ann, OrderStatus.PAID)
    for event in (second, first) if late else (first, second):
        await publish(house, event)
    assert await rows_of(house) == [(CREDIT, "12.00", False), (DEBIT, "12.00", True)]
    assert await balance(house, ann) == {"USD": "0.00"}


async def test_an_order_cancelled_before_it_was_paid_books_nothing(house: Household) -> None:
    ann = somebody(house.world, "manager")
    await publish(house, cancelled(house, ann, OrderStatus.CONFIRMED), paid(house, ann, "0.00"))
    assert await rows_of(house) == []


async def test_a_payment_reversed_by_hand_is_not_reversed_again(house: Household) -> None:
    ann = somebody(house.world, "manager")
    await publish(house, paid(house, ann))
    page = await house.stores["transaction"].page(Transaction, Query())
    await house.run(ann, "reverseTransaction", id=page.items[0].id)
    await publish(house, cancelled(house, ann, OrderStatus.PAID))
    assert len(await rows_of(house)) == 2


async def test_a_deleted_accounts_rows_and_sums_become_nobodys(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    for number in range(3):
        await book(house, ann, CREDIT, f"{number + 1}.00")
    await book(house, ann, DEBIT, "4", Currency.JPY)
    await book(house, bob, CREDIT, "1.00")
    await publish(house, UserDeleted(before=account(house.world, ann)))
    assert await balance(house, ann) == {}
    assert await balance(house, bob) == {"USD": "1.00"}
    sums = await house.stores["transaction"].page(AccountBalance, Query())
    kept = {s.id: (s.credit, s.debit) for s in sums.items if s.owner_id == NOBODY}
    assert kept == {
        f"{NOBODY}:USD": (Decimal("6.00"), Decimal("0.00")),
        f"{NOBODY}:JPY": (Decimal(0), Decimal(4)),
    }


# --- sums -----------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["credit", "debit", "reverse", "pay", "cancel"]), st.integers(1, 10**9)
    ),
    max_size=12,
)


async def take(world: World, ledger: TransactionHandlers, ann: Caller, step: str, n: int) -> None:
    """One step of the property below."""
    if step in ("credit", "debit"):
        body = TransactionInput(
            kind=TransactionKind(step),
            amount=Decimal(n),
            currency=Currency.JPY if n % 2 else Currency.USD,
            description="Something",
        )
        await ledger.create_transaction(call(OPERATIONS["createTransaction"], ann), body=body)
    elif step == "reverse":
        made = call(OPERATIONS["listTransactions"], ann)
        rows = (await ledger.list_transactions(made, page_size=100)).items
        if rows:
            with contextlib.suppress(AlreadyReversed, ReversalFixed):
                made = call(OPERATIONS["reverseTransaction"], ann)
                await ledger.reverse_transaction(made, id=rows[n % len(rows)].id)
    else:
        before = order(world, ann, OrderStatus.CONFIRMED, "7.00", n % 3)
        after = before.but(status=OrderStatus.PAID)
        event: OrderPaid | OrderCancelled = OrderPaid(before=before, after=after)
        if step == "cancel":
            event = OrderCancelled(before=after, after=before.but(status=OrderStatus.CANCELLED))
        await ledger.book_payment([Delivery(event, Seen("bookPayment", world.ids.new("evt")))])


@given(steps=STEPS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_the_balance_is_the_sum_of_the_rows_whatever_was_booked(
    steps: list[tuple[str, int]],
) -> None:
    async def run(folder: Path) -> None:
        world = World(folder)
        await world.open()
        ann = somebody(world, "manager")
        store = world.store("transaction")
        ledger = TransactionHandlers(
            store=store, ids=world.ids, clock=world.clock, pager=world.pager
        )
        for step, number in steps:
            await take(world, ledger, ann, step, number)
        sums: dict[str, Decimal] = {}
        for row in (await store.page(Transaction, Query(limit=100))).items:
            amount = row.amount if row.kind is CREDIT else -row.amount
            sums[row.currency.value] = sums.get(row.currency.value, Decimal(0)) + amount
        found = await ledger.get_balance(call(OPERATIONS["getBalance"], ann))
        assert {entry.currency.value: entry.balance for entry in found.items} == sums
        await world.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
