"""What an account's file is made of: the kinds of records, in the order in which they come.

One table says of each kind whose it is, what the file leaves out, and what makes two of them the
same; writing, reading and importing follow it. docs/decisions/0302 says what is left out, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from generated.models import (
    BudgetRecord,
    BudgetThreshold,
    ChatMessage,
    Customer,
    Expense,
    NotificationReceipt,
    NotificationRecord,
    Order,
    TaskRecord,
    TaskStatus,
    Transaction,
    UserRecord,
)
from runtime.model import Entity

FORMAT, VERSION = "budget-manager-account", 1
END = "end"

# Kept for the file's reader; an import finds them out anew, so they make no difference.
_DERIVED = frozenset({"version", "updatedAt"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record.

    `owner(entity)` is what the account, or the budget that it is in, must be; None: nobody's, and
    only along for what names it. `hidden` never is in a file, but for what `secret` names, which
    is when it was asked for. `ignored` makes no difference between two.
    """

    name: str
    entity: type[Any]
    service: str
    owner: Callable[[Any], str] | None
    hidden: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def written(self, entity: Entity, *, secrets: bool = False) -> dict[str, Any]:
        """The record's value, as JSON has it."""
        out = self.hidden - (self.secret if secrets else frozenset())
        value: dict[str, Any] = entity.model_dump(mode="json", by_alias=True)
        return {name: each for name, each in value.items() if name not in out and each is not None}

    def essence(self, entity: Entity) -> dict[str, Any]:
        """What two records have in common if they say the same."""
        left_out = self.ignored | _DERIVED
        value = self.written(entity)
        if self.entity is TaskRecord and value["status"] in _UNFINISHED:
            value["status"] = TaskStatus.CANCELLED.value
        return {name: each for name, each in value.items() if name not in left_out}


_UNFINISHED = (TaskStatus.QUEUED.value, TaskStatus.RUNNING.value)

_ROWS = (
    Kind(
        "user",
        UserRecord,
        "auth",
        lambda user: user.id,
        hidden=frozenset({"passwordHash", "passwordChangedAt"}),
        secret=frozenset({"passwordHash", "passwordChangedAt"}),
        # A file gives nobody a role unless the importer says so.
        ignored=frozenset({"role"}),
    ),
    Kind(
        "budget",
        BudgetRecord,
        "budget",
        lambda budget: budget.owner_id,
        hidden=frozenset({"counted", "countedFrom", "currencyFixed"}),
        ignored=frozenset({"spent"}),
    ),
    # Else a budget would be told of anew, each threshold that was reached long ago.
    Kind("budgetThreshold", BudgetThreshold, "budget", lambda mark: mark.budget_id),
    Kind("expense", Expense, "expense", lambda expense: expense.budget_id),
    Kind("customer", Customer, "customer", None),
    Kind("transaction", Transaction, "transaction", lambda row: row.owner_id),
    Kind("order", Order, "order", lambda order: order.owner_id),
    Kind(
        "notification",
        NotificationRecord,
        "notification",
        lambda notification: notification.user_id,
        hidden=frozenset({"unread"}),
    ),
    Kind(
        "notificationReceipt", NotificationReceipt, "notification", lambda receipt: receipt.user_id
    ),
    Kind("chatMessage", ChatMessage, "notification", lambda message: message.room),
    Kind(
        "task",
        TaskRecord,
        "task",
        lambda task: task.owner_id,
        hidden=frozenset({"leaseUntil", "runnerId"}),
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}
# A record's kind may not come before those it stands on.
PLACES: Mapping[str, int] = {kind.name: place for place, kind in enumerate(_ROWS)}
