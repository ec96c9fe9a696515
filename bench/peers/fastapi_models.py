"""The schemas as somebody who writes FastAPI would: pydantic models, one class a schema."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

_SPEC = (Path(__file__).parents[2] / "specs" / "openapi.yaml").read_text()
_CODES = re.search(r"ISO 4217 currency\..*?enum:\s*\[([A-Z,\s]+)\]", _SPEC, re.DOTALL)
assert _CODES is not None, "the contract lists its currencies"
# Nobody would type 150 codes; the contract's own are taken.
_NAMES = {code: code for code in re.findall("[A-Z]{3}", _CODES[1])}
Currency = StrEnum("Currency", _NAMES)  # type: ignore[misc] # its members are read from the spec


class Period(StrEnum):
    """How often a budget starts again."""

    monthly = "monthly"
    weekly = "weekly"
    yearly = "yearly"
    once = "once"


class MemberRole(StrEnum):
    """What a member may do."""

    viewer = "viewer"
    editor = "editor"


def _text_only(value: object) -> object:
    if isinstance(value, float | int):
        raise ValueError("an amount is a string")  # pydantic takes ValueError
    return value


BudgetId = Annotated[str, Field(pattern=r"^bud_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
UserId = Annotated[str, Field(pattern=r"^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
ExpenseId = Annotated[str, Field(pattern=r"^exp_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
Name = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
Category = Annotated[
    str, Field(min_length=1, max_length=50, pattern=r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
Description = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
Tag = Annotated[str, Field(min_length=1, max_length=30)]
Amount = Annotated[
    Decimal, BeforeValidator(_text_only), Field(gt=0, max_digits=15, decimal_places=3)
]
Total = Annotated[Decimal, Field(ge=0)]
Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda at: at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        return_type=str,
        when_used="json",
    ),
]


class Schema(BaseModel):
    """Camel case on the wire, nothing unknown taken."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", validate_by_name=True, serialize_by_alias=True
    )


class BudgetMember(Schema):
    """Somebody a budget is shared with."""

    user_id: UserId
    role: MemberRole


class BudgetInput(Schema):
    """What the owner says of a budget."""

    name: Name
    limit: Amount
    currency: Currency = Currency("USD")
    period: Period = Period.monthly
    starts_on: date | None = None
    ends_on: date | None = None


class Budget(Schema):
    """A limit to spend within."""

    id: BudgetId
    version: Annotated[int, Field(ge=1)]
    created_at: Moment
    updated_at: Moment
    owner_id: UserId
    name: Name
    limit: Amount
    currency: Currency
    period: Period
    starts_on: date
    ends_on: date | None = None
    spent: Total
    members: Annotated[list[BudgetMember], Field(max_length=50)]


class ExpenseInput(Schema):
    """A new expense."""

    budget_id: BudgetId
    description: Description
    amount: Amount
    category: Category
    currency: Currency | None = None
    spent_on: date | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] = []
    note: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    external_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class Expense(Schema):
    """Money that was spent."""

    id: ExpenseId
    version: Annotated[int, Field(ge=1)]
    created_at: Moment
    updated_at: Moment
    budget_id: BudgetId
    owner_id: UserId
    description: Description
    amount: Amount
    currency: Currency
    category: Category
    spent_on: date
    tags: list[Tag]
    note: str | None = None
    external_id: str | None = None
