"""What the generated documents promise: the codecs lose nothing, and Beanie reads and writes the
same.
"""

from __future__ import annotations

import random
import types
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from beanie import Document
from bson import Decimal128
from pydantic import BaseModel
from pymongo.errors import OperationFailure
from typing_extensions import TypeAliasType

from generated.collections import COLLECTIONS
from generated.documents import DOCUMENTS, OrderDocument, UserDocument
from generated.models import Currency, Expense, UserRecord
from runtime.adapters.mongodb import MongoDatabase, MongoStore
from runtime.adapters.mongodb.schema import declare, drift, migrate
from runtime.document import Collection
from runtime.model import Entity, assemble, minor_digits
from runtime.ports import Emit, Insert, Query, Taken, Update, Where
from tests.ports.mongodb_platform import address
from tests.ports.sample import PotOpened

pytestmark = [pytest.mark.anyio, pytest.mark.server("mongodb")]

SERVICES = sorted({codec.service for codec in COLLECTIONS})
BY_NAME = {str(document.Settings.name): document for document in DOCUMENTS}
each_kind = pytest.mark.parametrize("codec", COLLECTIONS, ids=lambda codec: codec.name)


@dataclass
class Deployed:
    """A migrated database of the platform's own collections."""

    database: MongoDatabase

    def store(self, service: str) -> MongoStore:
        return MongoStore(self.database, COLLECTIONS, service)


@pytest.fixture
async def deployed(tmp_path: Path) -> AsyncIterator[Deployed]:
    database = await MongoDatabase.open(address(f"documents_{random.randbytes(5).hex()}"))
    await migrate(database, DOCUMENTS, SERVICES)
    yield Deployed(database)
    await database.client.drop_database(database.documents.name)
    await database.close()


def example(annotation: Any, chance: random.Random, currency: Currency) -> Any:
    """Some value of a field's type."""
    while isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    origin = get_origin(annotation)
    if hasattr(annotation, "__metadata__"):
        return example(annotation.__origin__, chance, currency)
    if origin is types.UnionType or str(origin) == "typing.Union":
        some = [arm for arm in get_args(annotation) if arm is not type(None)]
        return None if chance.random() < 0.4 else example(some[0], chance, currency)
    if origin is list:
        return [
            example(get_args(annotation)[0], chance, currency) for _ in range(chance.randrange(4))
        ]
    if annotation is Currency:
        return currency
    if issubclass(annotation, Enum):
        return chance.choice(list(annotation))
    if issubclass(annotation, BaseModel):
        return entity(annotation, chance, currency)
    if annotation is Decimal:
        digits = minor_digits(currency)
        return Decimal(chance.randrange(10 ** (12 + digits))).scaleb(-digits)
    if annotation is datetime:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        return start + timedelta(milliseconds=chance.randrange(10**11))
    if annotation is date:
        return date(1970, 1, 1) + timedelta(days=chance.randrange(-30000, 60000))
    if annotation is bool:
        return chance.random() < 0.5
    if annotation is int:
        return chance.choice([0, 1, -1, 1 << 31, 1 << 53, chance.randrange(1000)])
    assert annotation is str, annotation
    text = "".join(chance.choice("aä☂$.\0 \"'𐍈") for _ in range(chance.randrange(9)))
    return f"{text}{chance.getrandbits(50)}"


def entity(kind: Any, chance: random.Random, currency: Currency | None = None) -> Any:
    """Some entity, or object within one: of the right types, whatever its bounds."""
    currency = currency or chance.choice(list(Currency))
    values = {
        name: example(field.annotation, chance, currency)
        for name, field in kind.model_fields.items()
    }
    if issubclass(kind, Entity):
        values |= {"id": f"x_{chance.getrandbits(60)}", "version": 1}
    return assemble(kind, values)


def plain(value: Any) -> Any:
    """A value of an entity, or of a document, for comparison."""
    if isinstance(value, BaseModel):
        return {
            name.rstrip("_"): plain(getattr(value, name))
            for name in type(value).model_fields
            if name not in ("outbox", "visible_to", "revision_id")
        }
    if isinstance(value, list):
        return [plain(item) for item in value]
    return (str(value), value) if isinstance(value, Decimal) else value


@each_kind
async def test_what_is_stored_comes_back_as_it_was(
    codec: Collection[Any], deployed: Deployed
) -> None:
    chance = random.Random(codec.name)
    store = deployed.store(codec.service)
    entities = [entity(codec.kind, chance) for _ in range(40)]
    for one in entities:
        await store.commit(Insert(one))
    found = await store.get_many(codec.kind, [one.id for one in entities])
    assert [plain(found[one.id]) for one in entities] == [plain(one) for one in entities]
    # An update leaves nothing of what was there before.
    changed = [entity(codec.kind, chance).but(id=one.id, version=2) for one in entities]
    for one in changed:
        await store.commit(Update(one))
    found = await store.get_many(codec.kind, [one.id for one in changed])
    assert [plain(found[one.id]) for one in changed] == [plain(one) for one in changed]
    # Every field is declared, and no other is written.
    fields = {"_id", *codec.fields}
    for document in await deployed.database.bucket(codec.name).find().to_list():
        assert set(document) <= fields
        assert fields - set(document) <= codec.nullable


@each_kind
async def test_beanie_reads_what_the_store_wrote_and_the_other_way(
    codec: Collection[Any], deployed: Deployed
) -> None:
    chance = random.Random(codec.name)
    store, declared = deployed.store(codec.service), BY_NAME[codec.name]
    for _ in range(10):
        one = entity(codec.kind, chance)
        event = Emit(PotOpened(one.id, one.id))
        await store.commit(Insert(one), event)
        document = await declared.get(one.id)
        assert document is not None
        assert plain(document) == plain(one)
        assert [each.subject for each in document.outbox] == [one.id]
        # Beanie's own insert, under another id.
        written = codec.encode(entity(codec.kind, chance))
        again = declared.model_validate({**written, "id": written["_id"], "outbox": []})
        await again.insert()
        assert plain(await store.get(codec.kind, written["_id"])) == plain(again)


async def test_every_amount_of_every_currency_comes_back_to_the_digit(deployed: Deployed) -> None:
    chance = random.Random(4)
    store = deployed.store("expense")
    bucket = deployed.database.bucket("expenses")
    for currency in Currency:
        digits = minor_digits(currency)
        minors = [0, 1, 10**digits, 10 ** (12 + digits) - 1, 10 ** (15 + digits) - 1]
        minors += [chance.randrange(10 ** (12 + digits)) for _ in range(20)]
        amounts = [Decimal(minor).scaleb(-digits) for minor in minors]
        expenses = [
            entity(Expense, chance, currency).but(amount=amount, budget_id=currency.value)
            for amount in amounts
        ]
        await store.commit(*[Insert(one) for one in expenses])
        found = await store.get_many(Expense, [one.id for one in expenses])
        assert [str(found[one.id].amount) for one in expenses] == [str(a) for a in amounts]
        # The server reckons with them as numbers.
        stages: list[dict[str, Any]] = [
            {"$match": {"budget_id": currency.value}},
            {"$group": {"_id": None, "sum": {"$sum": "$amount"}}},
        ]
        (row,) = await (await bucket.aggregate(stages)).to_list()
        assert row["sum"].to_decimal() == sum(amounts)
        page = await store.page(
            Expense,
            Query((Where("budget_id", "eq", currency.value), Where("amount", "lte", amounts[2]))),
        )
        assert {item.amount for item in page.items} == {a for a in amounts if a <= amounts[2]}


async def test_an_amount_that_others_wrote_gets_its_currency_s_decimals(
    deployed: Deployed,
) -> None:
    one = entity(Expense, random.Random(1), Currency.USD)
    await deployed.store("expense").commit(Insert(one))
    for text, read in (("5", "5.00"), ("5E+2", "500.00"), ("7.5000", "7.50"), ("-3", "-3.00")):
        await deployed.database.bucket("expenses").update_one(
            {"_id": one.id}, {"$set": {"amount": Decimal128(text)}}
        )
        found = await deployed.store("expense").get(Expense, one.id)
        assert found is not None
        assert str(found.amount) == read


async def test_an_order_s_prices_are_decimals_within(deployed: Deployed) -> None:
    chance = random.Random(3)
    codec = next(codec for codec in COLLECTIONS if codec.name == "orders")
    await deployed.store("order").commit(*[Insert(entity(codec.kind, chance)) for _ in range(20)])
    for document in await OrderDocument.find_all().to_list():
        assert all(isinstance(line.unit_price, Decimal) for line in document.lines)
    prices = [
        line["unit_price"]
        for document in await deployed.database.bucket("orders").find().to_list()
        for line in document["lines"]
    ]
    assert {type(price) for price in prices} == {Decimal128}


async def test_uniqueness_is_declared_and_takes_no_account_of_what_is_missing(
    deployed: Deployed,
) -> None:
    chance = random.Random(9)
    store = deployed.store("expense")
    one = entity(Expense, chance).but(external_id="row 1")
    await store.commit(Insert(one))
    await store.commit(
        *[
            Insert(entity(Expense, chance).but(external_id=None, budget_id=one.budget_id))
            for _ in range(3)
        ]
    )
    with pytest.raises(Taken) as refused:
        await store.commit(
            Insert(entity(Expense, chance).but(external_id="row 1", budget_id=one.budget_id))
        )
    assert refused.value.fields == ("budget_id", "external_id")
    users = deployed.store("auth")
    user = entity(UserRecord, chance)
    await users.commit(Insert(user))
    with pytest.raises(Taken) as refused:
        await users.commit(Insert(entity(UserRecord, chance).but(email=user.email)))
    assert refused.value.fields == ("email",)


async def test_a_migrated_database_is_as_declared_and_drift_is_told(deployed: Deployed) -> None:
    database = deployed.database
    assert await drift(database, DOCUMENTS, SERVICES) == []
    # Again, by another process, changes nothing.
    await migrate(database, DOCUMENTS, SERVICES)
    assert await drift(database, DOCUMENTS, SERVICES) == []
    users = database.bucket("users")
    await users.drop_index("email")
    await users.create_index([("name", 1)], name="by_hand")
    await users.create_index([("role", 1)], name="only_one", unique=True)
    await database.bucket("expenses").drop_index("outbox")
    await database.bucket("expenses").create_index([("outbox.at", 1)], name="outbox")
    await database.bucket("auth__inbox").drop_index("expiry")
    assert sorted(await drift(database, DOCUMENTS, SERVICES)) == [
        "auth__inbox: index expiry is missing",
        "expenses: index outbox is another",
        "users: index email is missing",
        "users: index only_one is not declared",
    ]
    with pytest.raises(OperationFailure):
        await migrate(database, DOCUMENTS, SERVICES)
    await database.bucket("expenses").drop_index("outbox")
    await migrate(database, DOCUMENTS, SERVICES)
    await users.drop_index("only_one")
    assert await drift(database, DOCUMENTS, SERVICES) == []


async def test_what_is_forgotten_is_purged_by_the_server(deployed: Deployed) -> None:
    for name, seconds in (("expense__idempotency", 86400), ("expense__inbox", 7 * 86400)):
        indexes = await deployed.database.bucket(name).index_information()
        assert indexes["expiry"]["expireAfterSeconds"] == seconds


async def test_documents_are_read_without_touching_indexes(deployed: Deployed) -> None:
    await deployed.database.bucket("users").drop_index("email")
    await declare(deployed.database, DOCUMENTS)
    assert await UserDocument.find_all().to_list() == []
    assert "email" not in await deployed.database.bucket("users").index_information()


def test_every_entity_at_home_in_mongodb_is_declared() -> None:
    assert set(BY_NAME) == {codec.name for codec in COLLECTIONS}
    assert len(DOCUMENTS) == len(COLLECTIONS) > 8
    assert all(issubclass(document, Document) for document in DOCUMENTS)
