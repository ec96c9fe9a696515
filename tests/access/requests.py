"""A valid request for every operation, against things that exist: what the matrix sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app import _SPEC

CONTRACT = json.loads(_SPEC.read_bytes())


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation is: its method, and its path below /api."""

    method: str
    path: str


def _places() -> dict[str, Place]:
    return {
        operation["operationId"]: Place(method.upper(), path)
        for path, item in CONTRACT["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation
    }


PLACES = _places()


@dataclass(frozen=True, slots=True)
class Things:
    """Ids of one of everything, owned by `owner`; `member` is a viewer of the budget."""

    owner: str
    member: str
    budget: str
    expense: str
    customer: str
    order: str
    transaction: str
    notification: str
    task: str
    session: str


def path_of(operation: str, things: Things) -> str:
    """The path with its parameters filled in, and the query that the operation needs."""
    place = PLACES[operation]
    path = place.path
    ids = {
        "/budgets/{id}": things.budget,
        "/customers/{id}": things.customer,
        "/orders/{id}": things.order,
        "/transactions/{id}": things.transaction,
        "/notifications/{id}": things.notification,
        "/tasks/{id}": things.task,
        "/auth/sessions/{id}": things.session,
        "/users/{id}": things.owner,
    }
    for head, id in ids.items():
        if path.startswith(head):
            path = path.replace("{id}", id)
    if path.startswith("/expenses/{id}"):
        own = things.budget if operation == "listExpensesByBudget" else things.expense
        path = path.replace("{id}", own)
    filled = (
        path.replace("{budgetId}", things.budget)
        .replace("{id}", things.expense)
        .replace("{userId}", things.member)
        .replace("{room}", things.owner)
    )
    query = {
        "importExpenses": f"?budgetId={things.budget}",
        "exportExpenses": f"?budgetId={things.budget}",
        "suggestExpenses": "?text=ma",
    }
    return filled + query.get(operation, "")


def body_of(operation: str, things: Things) -> Any:
    """A JSON body that the schema lets pass; None for the operations that take none."""
    expense = {"description": "Market", "amount": "12.50", "category": "Food"}
    bodies: dict[str, Any] = {
        "changePassword": {"currentPassword": "wrong one", "newPassword": "correct-horse-batter"},
        "forgotPassword": {"email": "nobody@example.com"},
        "login": {"email": "nobody@example.com", "password": "not the password"},
        "updateProfile": {"name": "Some Body"},
        "refreshTokens": {"refreshToken": "x" * 43},
        "register": {"email": "new@example.com", "password": "correct-horse", "name": "New"},
        "resendVerification": {"email": "nobody@example.com"},
        "resetPassword": {"token": "x" * 43, "password": "correct-horse-batter"},
        "verifyEmail": {"token": "x" * 43},
        "createBudget": {"name": "Another", "limit": "10.00"},
        "updateBudget": {"name": "Household", "limit": "500.00"},
        "inviteToBudget": {"email": "friend@example.com"},
        "setBudgetMember": {"role": "viewer"},
        "sendChatMessage": {"text": "Hello"},
        "createCustomer": {"name": "Corner Shop", "email": "shop@example.com"},
        "updateCustomer": {"name": "Corner Shop", "email": "shop@example.com"},
        "createExpense": {"budgetId": things.budget} | expense,
        "updateExpense": expense,
        "acceptInvitation": {"token": "x" * 43},
        "sendNotification": {"title": "News", "body": "Something new", "userId": things.owner},
        "createOrder": _order(things),
        "updateOrder": _order(things),
        "setOrderStatus": {"status": "confirmed"},
        "searchExpenses": {"text": "market", "budgetId": things.budget},
        "createTask": {"kind": "monthlyReport", "input": {}},
        "createTransaction": {"kind": "debit", "amount": "5.00", "description": "Coffee"}
        | {"budgetId": things.budget},
        "setUserRole": {"role": "user"},
    }
    return bodies.get(operation)


def _order(things: Things) -> dict[str, Any]:
    lines = [{"product": "Beans", "quantity": 2, "unitPrice": "18.50"}]
    return {"customerId": things.customer, "lines": lines}
