"""A page token leads to the next page of its own list, and nowhere else."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from runtime.call import Call, Caller
from runtime.model import Entity
from runtime.operation import ListRule, Operation
from runtime.paging import LONGEST, Listing, Pager, parse_sort
from runtime.ports import Page, Query, Where
from runtime.problem import InvalidInput, InvalidPageToken

SECRET = b"a secret of thirty-two bytes, or more"


class Kind(StrEnum):
    FOOD = "food"
    RENT = "rent"


class Spent(Entity):
    """What the tests list."""

    spent_on: date
    amount: Decimal
    created_at: datetime
    kind: Kind
    name: str = ""
    budget_id: str = "bud_1"
    shown: bool = True
    rank: int | None = None


RULE = ListRule(
    sort=(
        ("spentOn", "spent_on"),
        ("amount", "amount"),
        ("createdAt", "created_at"),
        ("kind", "kind"),
        ("name", "name"),
        ("rank", "rank"),
    ),
    default="-spentOn",
    filters=(("kind", "kind", "eq"), ("from_", "spent_on", "gte"), ("to", "spent_on", "lte")),
)
LIST = Operation("listExpenses", "list_expenses", "expense", listing=RULE)


def call(operation: Operation = LIST, user: str = "usr_1") -> Call:
    made = Call(operation, "rest", "request")
    made.caller = Caller(user, "ses_1", "user", frozenset(), verified=True)
    return made


def spent(number: int) -> Spent:
    chance = random.Random(number)  # the same each time
    return Spent(
        id=f"exp_{number:03}",
        version=1,
        spent_on=date(2026, 11, chance.randint(1, 5)),
        amount=Decimal(chance.randint(1, 9)) / 4,
        created_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(milliseconds=chance.randint(0, 9)),
        kind=chance.choice(list(Kind)),
        name=chance.choice(["", "Ä", "a'b\"\\", "\U0001f600", "zz"]),
        rank=chance.randint(0, 3),
    )


ALL = [spent(number) for number in range(60)]
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "gte": lambda a, b: a >= b,
    "lte": lambda a, b: a <= b,
    "in": lambda a, b: a in b,
}


def read(query: Query) -> Page[Spent]:
    """What a store would answer, the slow way."""
    keys = [*query.sort, ("id", query.sort[-1][1])]
    found = [
        e for e in ALL if all(COMPARE[w.op](getattr(e, w.field), w.value) for w in query.where)
    ]
    for field, descending in reversed(keys):
        found.sort(key=lambda e: getattr(e, field), reverse=descending)
    if query.after is not None:
        at = [tuple(getattr(e, field) for field, _ in keys) for e in found].index(query.after)
        found = found[at + 1 :]
    return Page(found[: query.limit], len(found) > query.limit)


@pytest.fixture
def pager() -> Pager:
    return Pager(SECRET)


def first(pager: Pager, **arguments: Any) -> tuple[Listing, str]:
    query = pager.query(call(), page_size=7, **arguments)
    token = pager.next(call(), query, read(query))
    assert token is not None
    return query, token


# --- walking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sort",
    [
        None,
        "-amount",
        "+spentOn,-amount",
        "createdAt",
        "kind,-createdAt",
        "-name,rank",
        "rank,amount",
    ],
)
@pytest.mark.parametrize("filters", [{}, {"kind": Kind.FOOD}, {"from": date(2026, 11, 3)}])
@pytest.mark.parametrize("size", [1, 7, 200])
def test_walking_the_pages_gives_everything_once_and_in_order(
    pager: Pager, sort: str | None, filters: dict[str, Any], size: int
) -> None:
    walked: list[Spent] = []
    token = None
    while True:
        query = pager.query(call(), page_size=size, page_token=token, sort=sort, filters=filters)
        page = read(query)
        walked += page.items
        token = pager.next(call(), query, page)
        if token is None:
            break
        assert len(token) <= LONGEST
        assert token.replace("-", "").replace("_", "").isalnum()
    assert walked == read(replace(query, after=None, limit=200)).items


def test_keys_come_back_as_what_they_were(pager: Pager) -> None:
    item = ALL[0].but(rank=None, amount=Decimal("-1200000000000.005"), name="\ud800\n é")
    order = "spentOn,amount,createdAt,kind,name,rank"
    query = pager.query(call(), sort=order)
    token = pager.next(call(), query, Page([item], more=True))
    after = pager.query(call(), sort=order, page_token=token).after
    assert after == (
        item.spent_on,
        item.amount,
        item.created_at,
        item.kind,
        item.name,
        None,
        item.id,
    )
    assert [type(value) for value in after] == [date, Decimal, datetime, str, str, type(None), str]


def test_the_longest_keys_of_the_contract_fit_into_a_token(pager: Pager) -> None:
    item = ALL[0].but(name="\U0001f600" * 100, budget_id="x" * 254)
    users = replace(
        LIST,
        listing=ListRule((("name", "name"), ("b", "budget_id"), ("c", "created_at")), "name,b,c"),
    )
    query = pager.query(call(users))
    assert len(pager.next(call(users), query, Page([item], more=True)) or "") <= LONGEST


def test_the_last_page_has_no_token(pager: Pager) -> None:
    query = pager.query(call(), page_size=200)
    assert pager.next(call(), query, read(query)) is None


def test_a_page_has_50_items_unless_asked_and_200_at_most(pager: Pager) -> None:
    assert pager.query(call()).limit == 50
    assert pager.query(call(), page_size=200).limit == 200
    for size in (0, -1, 201, 10**9):
        with pytest.raises(InvalidInput) as caught:
            pager.query(call(), page_size=size)
        assert caught.value.errors[0].pointer == "?pageSize"


def test_filters_left_out_are_not_in_the_query_and_undeclared_ones_are_a_defect(
    pager: Pager,
) -> None:
    filters = {"kind": None, "from": date(2026, 11, 2), "to": None}
    where = (Where("budget_id", "in", ("bud_1", "bud_2")),)
    query = pager.query(call(), filters=filters, where=where)
    assert query.where == (*where, Where("spent_on", "gte", date(2026, 11, 2)))
    with pytest.raises(KeyError):
        pager.query(call(), filters={"owner": None})
    with pytest.raises(TypeError):
        pager.query(call(replace(LIST, listing=None)))


# --- foreign and forged tokens --------------------------------------------------------------------


def refused(pager: Pager, asked: Call, token: str, **arguments: Any) -> None:
    with pytest.raises(InvalidPageToken) as caught:
        pager.query(asked, page_token=token, **arguments)
    assert [(e.pointer, e.code) for e in caught.value.errors] == [
        ("?pageToken", InvalidPageToken.code)
    ]


def test_a_token_fits_its_own_list_only(pager: Pager) -> None:
    filters = {"kind": Kind.FOOD}
    where = (Where("budget_id", "eq", "bud_1"),)
    _, token = first(pager, sort="-amount", filters=filters, where=where)
    fits: dict[str, Any] = {"sort": "-amount", "filters": filters, "where": where}
    assert pager.query(call(), page_token=token, **fits).after is not None
    # Another page size, the same filters said otherwise: still the same list.
    assert pager.query(call(), page_token=token, page_size=3, **fits).after is not None
    same = {"kind": Kind.FOOD, "to": None}
    assert pager.query(call(), page_token=token, **{**fits, "filters": same}).after is not None

    refused(pager, call(user="usr_2"), token, **fits)
    refused(pager, call(replace(LIST, id="listOthers")), token, **fits)
    refused(Pager(b"another secret of the same length...."), call(), token, **fits)
    others: tuple[dict[str, Any], ...] = (
        {"sort": "amount"},
        {"sort": "-amount,kind"},
        {"sort": None},
        {"filters": {}},
        {"filters": {"kind": Kind.RENT}},
        {"filters": {"kind": Kind.FOOD, "to": date(2026, 11, 3)}},
        {"where": ()},
        {"where": (Where("budget_id", "eq", "bud_2"),)},
    )
    for other in others:
        refused(pager, call(), token, **{**fits, **other})


def test_a_filter_is_not_mistaken_for_another_of_the_same_text(pager: Pager) -> None:
    _, token = first(pager, filters={"from": date(2026, 11, 2)})
    refused(pager, call(), token, filters={"to": date(2026, 11, 2)})
    refused(pager, call(), token, filters={"from": "2026-11-02"})


def test_what_a_caller_sees_may_change_between_pages(pager: Pager) -> None:
    _, token = first(pager, where=(Where("budget_id", "in", ("bud_1",)),))
    more = (Where("budget_id", "in", ("bud_1", "bud_2")),)
    assert pager.query(call(), page_token=token, where=more).after is not None


def test_no_changed_token_is_accepted(pager: Pager) -> None:
    _, token = first(pager, sort="amount,name")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = {token[:n] for n in range(len(token))}
    forged |= {token + more for more in ("A", "=", "==", "\n", " ", "é", "\ud800", token)}
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        forged.add(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet:
        forged.add(token[:-1] + letter)
    forged -= {token}
    forged |= {"null", "W10", base64.urlsafe_b64encode(b'["d2026-11-22","sexp_1"]').decode()}
    forged |= {"A" * LONGEST, "A" * 1_000_000, "../../etc/passwd"}
    for text in forged:
        refused(pager, call(), text, sort="amount,name")
    assert len(forged) > 150


# --- sort -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "order"),
    [
        (None, (("spent_on", True),)),
        ("spentOn", (("spent_on", False),)),
        ("+spentOn,-amount", (("spent_on", False), ("amount", True))),
        (" spentOn,-amount", (("spent_on", False), ("amount", True))),
        ("-amount, spentOn", (("amount", True), ("spent_on", False))),
        ("-amount,spentOn,amount", (("amount", True), ("spent_on", False))),
    ],
)
def test_sort_names_fields_as_the_wire_does(text: str | None, order: Any) -> None:
    assert parse_sort(text, RULE) == order


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", ["unknown-sort-field"]),
        ("-", ["unknown-sort-field"]),
        ("spent_on", ["unknown-sort-field"]),
        ("id", ["unknown-sort-field"]),
        ("passwordHash", ["unknown-sort-field"]),
        ("--amount", ["unknown-sort-field"]),
        ("amount,", ["unknown-sort-field"]),
        ("amount;drop", ["unknown-sort-field"]),
        ("x,amount,amount,y", ["unknown-sort-field", "unknown-sort-field"]),
    ],
)
def test_any_other_sort_is_refused_with_all_its_faults(text: str, wrong: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_sort(text, RULE)
    assert [error.code for error in caught.value.errors] == wrong
    assert {error.pointer for error in caught.value.errors} == {"?sort"}
