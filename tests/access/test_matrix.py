"""Who may do what: every operation, as every kind of caller, by the table that the contract gives.

The expected answers are derived here from the contract's own rows (scope, access, verified
address), apart from the pipeline that enforces them.

Long because the cast, what it is asked and what must come of it are read together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from generated.models import Role
from generated.operations import LEVELS, OPERATIONS, ROLES
from runtime.operation import Operation
from tests.access.requests import CONTRACT, PLACES, Things, body_of, path_of
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

KINDS = (
    "anonymous",
    "unverified",
    "other",
    "viewer",
    "editor",
    "owner",
    "manager",
    "support",
    "admin",
)
STAFF = {"manager": Role.MANAGER, "support": Role.SUPPORT, "admin": Role.ADMIN}
# What a kind of caller is to the things of `owner`; an admin counts as their owner.
SHARED = {"viewer": "viewer", "editor": "editor", "owner": "owner", "admin": "owner"}
OWN = {"owner": "owner", "admin": "owner"}
ROOM = {"owner": "member", "support": "member", "admin": "member"}
# A stream stays open: its head is all that a refusal would change.
STREAMS = {"streamNotifications"}
# Refusals that a caller who may do it can still meet here: its input is well formed and not right.
MAY_MISS: dict[str, set[str]] = {
    "login": {"credentials-invalid"},
    "refreshTokens": {"refresh-token-invalid"},
}


def level_of(kind: str, resource: str) -> str | None:
    """What `kind` is to the owner's thing."""
    if resource in ("Budget", "Expense"):
        return SHARED.get(kind)
    if resource == "ChatRoom":
        return ROOM.get(kind)
    return OWN.get(kind)


def expected(operation: Operation, kind: str) -> tuple[int, str] | None:
    """The refusal that the contract demands, as status and code; None where it may be done."""
    if operation.public:
        return None
    if kind == "anonymous":
        return 401, "unauthenticated"
    role = STAFF.get(kind, Role.USER)
    if operation.scope is not None and operation.scope not in ROLES[role.value]:
        return 403, "forbidden"
    if operation.verified and kind == "unverified":
        return 403, "email-unverified"
    for rule in operation.access:
        level = level_of(kind, rule.resource)
        ranks = LEVELS[rule.resource]
        if level is None:
            return 404, "not-found"
        if ranks.index(level) < ranks.index(rule.least):
            return 403, "forbidden"
    return None


class Cast:
    """One account of each kind, and things that belong to `owner`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts: dict[str, Account] = {}

    async def assemble(self) -> None:
        """Makes the accounts; every one of them signs in as people do."""
        for kind in KINDS[1:]:
            role = STAFF.get(kind, Role.USER)
            verified = kind != "unverified"
            self.accounts[kind] = await self.world.account(
                role, verified=verified, address=f"{kind}@example.com"
            )

    async def things(self) -> Things:
        """One of everything, fresh."""
        world, owner, admin = self.world, self.accounts["owner"], self.accounts["admin"]
        budget = (await world.made(owner, "/budgets", {"name": "Household", "limit": "500.00"}))[
            "id"
        ]
        for role in ("viewer", "editor"):
            member = self.accounts[role]
            invited = {"email": member.email, "role": role}
            await world.made(owner, f"/budgets/{budget}/invitations", invited)
            token = await world.mailed(member.email)
            await world.made(member, "/invitations/accept", {"token": token})
        expense = {
            "budgetId": budget,
            "description": "Market",
            "amount": "9.00",
            "category": "Food",
        }
        customer = await world.made(
            admin, "/customers", {"name": "Shop", "email": "shop@example.com"}
        )
        lines = [{"product": "Beans", "quantity": 1, "unitPrice": "18.50"}]
        order = await world.made(admin, "/orders", {"customerId": customer["id"], "lines": lines})
        entry = {"kind": "debit", "amount": "5.00", "description": "Coffee"}
        note = {"title": "News", "body": "Something", "userId": owner.id}
        task = await world.made(owner, "/tasks", {"kind": "monthlyReport", "input": {}})
        again = await world.sign_in(owner.email, owner.password)
        sessions = await world.send(again, "GET", "/auth/sessions?pageSize=1")
        return Things(
            owner=owner.id,
            member=self.accounts["viewer"].id,
            budget=budget,
            expense=(await world.made(owner, "/expenses", expense))["id"],
            customer=customer["id"],
            order=order["id"],
            transaction=(await world.made(owner, "/transactions", entry))["id"],
            notification=(await world.made(admin, "/notifications", note))["id"],
            task=task["id"],
            session=sessions.json()["items"][0]["id"],
        )

    async def ask(self, operation: Operation, kind: str, things: Things) -> httpx.Response:
        """Sends the operation's request as `kind`."""
        place = PLACES[operation.id]
        caller = self.accounts.get(kind)
        headers = caller.headers if caller else {}
        if operation.id == "removeBudgetMember" and caller and kind == "editor":
            # A member ends its own membership; only the owner ends anybody's.
            things = replace(things, member=caller.id)
        path = f"/api{path_of(operation.id, things)}"
        if operation.id == "importExpenses":
            rows = b"description,amount,category\nMarket,1.00,Food\n"
            return await self.world.http.post(
                path, content=rows, headers=headers | {"Content-Type": "text/csv"}
            )
        body = body_of(operation.id, things)
        return await self.world.http.request(place.method, path, json=body, headers=headers)


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    """The platform with its nine kinds of callers."""
    world = World(tmp_path)
    await world.open()
    cast = Cast(world)
    await cast.assemble()
    yield cast
    await world.close()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("kind", KINDS)
async def test_whom_the_contract_refuses_is_refused_and_nothing_changes(
    cast: Cast, kind: str
) -> None:
    """All refused pairs on one set of things: each leaves them as they were."""
    things = await cast.things()
    before = await state(cast, things)
    wrong: list[str] = []
    for operation in OPERATIONS.values():
        wanted = expected(operation, kind)
        if wanted is None:
            continue
        got = refusal(await cast.ask(operation, kind, things))
        if got != wanted:
            wrong.append(f"{operation.id} as {kind}: {got}, the contract says {wanted}")
    assert not wrong, "\n".join(wrong)
    assert await state(cast, things) == before


async def state(cast: Cast, things: Things) -> list[object]:
    """What the owner and the admin see of the things."""
    seen: list[object] = []
    for caller, path in (
        ("owner", f"/budgets/{things.budget}"),
        ("owner", f"/budgets/{things.budget}/expenses/{things.expense}"),
        ("owner", f"/transactions/{things.transaction}"),
        ("owner", "/notifications?pageSize=200"),
        ("owner", "/auth/me"),
        ("admin", f"/customers/{things.customer}"),
        ("admin", f"/orders/{things.order}"),
    ):
        answer = await cast.world.send(cast.accounts[caller], "GET", path)
        assert answer.status_code == 200, path
        told = answer.json()
        # What counting does behind the scenes is not the refused caller's work.
        for moving in ("version", "updatedAt", "spent"):
            told.pop(moving, None)
        seen.append(told)
    return seen


# Each allowed pair of an operation that ends something needs things of its own.
ENDING = {
    "logout",
    "deleteAccount",
    "changePassword",
    "revokeSession",
    "deleteBudget",
    "deleteExpense",
    "deleteCustomer",
    "deleteOrder",
    "deleteNotification",
    "removeBudgetMember",
    "cancelOrder",
    "cancelTask",
    "setUserRole",
    "updateOrder",
    "setOrderStatus",
    "reverseTransaction",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_whom_the_contract_lets_is_let(cast: Cast, kind: str) -> None:
    """Allowed pairs get past identity, scope and access: what answers then is the operation."""
    things = await cast.things()
    wrong: list[str] = []
    for operation in sorted(OPERATIONS.values(), key=lambda o: (o.id in ENDING, o.id)):
        if expected(operation, kind) is not None or operation.id in STREAMS | {"deleteAccount"}:
            continue
        if operation.id in ENDING:
            # The operation before may have ended the session.
            await sign_in_again(cast, kind)
            things = await cast.things()
        answer = await cast.ask(operation, kind, things)
        if answer.status_code in (401, 403, 404):
            code = answer.json().get("code", "")
            own = set(operation.problems) | MAY_MISS.get(operation.id, set())
            if code not in own - {"unauthenticated", "forbidden", "not-found"}:
                wrong.append(f"{operation.id} as {kind}: {answer.status_code} {answer.text}")
        elif answer.status_code >= 500:
            wrong.append(f"{operation.id} as {kind}: {answer.status_code} {answer.text}")
    assert not wrong, "\n".join(wrong)


async def sign_in_again(cast: Cast, *kinds: str) -> None:
    """New sessions for these, and for those whom the things belong to."""
    for kind in {*kinds, "owner", "admin"} - {"anonymous"}:
        account = cast.accounts[kind]
        cast.accounts[kind] = await cast.world.sign_in(account.email, account.password)


async def test_an_unverified_member_of_staff_has_a_users_scopes_only(cast: Cast) -> None:
    """403 email-unverified, and not forbidden: the role would give it."""
    for role in (Role.MANAGER, Role.SUPPORT, Role.ADMIN):
        address = f"new-{role.value}@example.com"
        account = await cast.world.account(verified=False, address=address)
        path = f"/users/{account.id}/role"
        given = await cast.world.send(cast.accounts["admin"], "PUT", path, {"role": role.value})
        assert given.status_code == 200, given.text
        staff = await cast.world.sign_in(address)
        for operation in OPERATIONS.values():
            scope = operation.scope
            if scope is None or scope in ROLES["user"] or scope not in ROLES[role.value]:
                continue
            cast.accounts["staff"] = staff
            answer = await cast.ask(operation, "staff", await _no_things(cast))
            assert refusal(answer) == (403, "email-unverified"), operation.id


async def _no_things(cast: Cast) -> Things:
    absent = "0" * 26
    prefixes = ("bud", "exp", "cus", "ord", "txn", "ntf", "tsk", "ses")
    budget, expense, customer, order, entry, note, task, session = (
        f"{prefix}_{absent}" for prefix in prefixes
    )
    owner = cast.accounts["owner"].id
    return Things(owner, owner, budget, expense, customer, order, entry, note, task, session)


async def test_nothing_outside_the_contract_can_be_assigned(cast: Cast) -> None:
    """`role`, `ownerId`, `spent` and their like are unknown properties, whoever sends them."""
    things = await cast.things()
    for operation, extra in (
        ("register", {"role": "admin"}),
        ("register", {"emailVerified": True}),
        ("updateProfile", {"role": "admin"}),
        ("updateProfile", {"email": "other@example.com"}),
        ("createBudget", {"ownerId": cast.accounts["other"].id}),
        ("createBudget", {"spent": "0.00"}),
        ("updateBudget", {"spent": "0.00"}),
        ("updateBudget", {"members": []}),
        ("updateBudget", {"version": 7}),
        ("createExpense", {"ownerId": cast.accounts["other"].id}),
        ("updateExpense", {"budgetId": things.budget}),
        ("createOrder", {"total": "0.01"}),
        ("createOrder", {"status": "paid"}),
        ("createTransaction", {"ownerId": cast.accounts["other"].id}),
        ("createTransaction", {"reversalOf": things.transaction}),
    ):
        place = PLACES[operation]
        body = body_of(operation, things) | extra
        answer = await cast.world.send(
            cast.accounts["admin"], place.method, path_of(operation, things), body
        )
        name = next(iter(extra))
        assert answer.status_code == 400, f"{operation} with {name}: {answer.text}"
        assert {"pointer": f"/{name}", "code": "unknown"}.items() <= answer.json()["errors"][
            0
        ].items()


async def test_operators_in_the_place_of_values_are_refused(cast: Cast) -> None:
    """A query language's operators are data of the wrong type, in bodies, paths and queries."""
    things = await cast.things()
    owner = cast.accounts["owner"]
    operator = {"$ne": None}
    for operation in ("login", "createBudget", "createExpense", "searchExpenses", "updateProfile"):
        place = PLACES[operation]
        body = body_of(operation, things)
        for name in body:
            answer = await cast.world.send(
                owner, place.method, path_of(operation, things), body | {name: operator}
            )
            assert answer.status_code == 400, f"{operation}.{name}: {answer.text}"
    for query in ("budgetId[$ne]=x", "category[$regex]=.*", "sort=$where", "pageToken[$gt]="):
        answer = await cast.world.send(owner, "GET", f"/expenses?{query}")
        assert answer.status_code == 400, query
    for id in ("[$ne]", "*", "' OR 1=1 --", "bud_%27%3B--", "..%2f..%2fetc"):
        answer = await cast.world.send(owner, "GET", f"/budgets/{id}")
        assert answer.status_code in (400, 404), id


def test_the_matrix_knows_every_operation() -> None:
    """A new operation needs its request here."""
    assert set(PLACES) == set(OPERATIONS)
    with_body = {
        operation["operationId"]
        for item in CONTRACT["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        and "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    nobody = Things(*["x"] * 10)
    assert with_body == {name for name in OPERATIONS if body_of(name, nobody) is not None}
