"""The budget and the bodies that every contender answers with and is asked with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

USER_ID = "usr_01jd8z4k5qf6x8v0m2t7n9w301"
BUDGET_ID = "bud_01jd8z4k5qf6x8v0m2t7n9w301"
# As the contract's example of a Budget.
BUDGET: dict[str, Any] = {
    "id": BUDGET_ID,
    "version": 3,
    "createdAt": "2026-03-01T09:30:00.000Z",
    "updatedAt": "2026-03-14T16:05:09.120Z",
    "ownerId": USER_ID,
    "name": "Household",
    "limit": "500.00",
    "currency": "USD",
    "period": "monthly",
    "startsOn": "2026-03-01",
    "endsOn": None,
    "spent": "87.20",
    "members": [{"userId": "usr_01jd8z4k5qf6x8v0m2t7n9w302", "role": "editor"}],
}
BUDGET_INPUT: dict[str, Any] = {
    "name": "Household",
    "limit": "500.00",
    "currency": "USD",
    "period": "monthly",
    "startsOn": "2026-03-01",
}
BUDGET_BODY = json.dumps(BUDGET_INPUT).encode()
# What must be refused, and by everybody: a benchmark of validation that lets things pass is none.
REFUSED_BODIES = (
    b'{"name": "Household"}',
    b'{"name": "Household", "limit": "-1"}',
    b'{"name": "Household", "limit": "500.00", "currency": "XXX"}',
    b'{"name": "Household", "limit": "500.00", "period": "daily"}',
    b'{"name": "Household", "limit": "500.00", "spent": "1"}',
    b'{"name": "Household", "limit": "500.00", "startsOn": "2026-02-30x"}',
    b'{"name": "", "limit": "500.00"}',
    b'{"name": "Household", "limit": ',
)


def now() -> datetime:
    """The moment, as stores keep it: each new budget has one of its own, to be written twice."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def created() -> dict[str, Any]:
    """What POST answers, its two moments aside: the input as a new budget."""
    return {
        **BUDGET,
        **BUDGET_INPUT,
        "version": 1,
        "spent": "0.00",
        "members": [],
    }


def meaning(body: bytes) -> Any:
    """A body as compared: a property that is null and one that is left out mean the same."""
    return without_nulls(json.loads(body))


def without_nulls(value: Any) -> Any:
    """`value` without the properties that are null."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
