"""What a generated request needs to succeed: things that exist, and secrets that are good."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from zlib import crc32

from generated.models import Role
from generated.operations import OPERATIONS, ROLES
from tests.rest.world import PASSWORD, Account, World

_ID = re.compile(r"([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}")
# Operations that end the session or the account they are called with.
_LAST_ACTS = {"logout", "changePassword", "deleteAccount", "revokeSession"}
# Operations that use up what they are about: the next call needs another.
_USES_UP = {
    "deleteBudget": "bud",
    "deleteExpense": "exp",
    "deleteCustomer": "cus",
    "updateOrder": "ord",
    "deleteOrder": "ord",
    "cancelOrder": "ord",
    "setOrderStatus": "ord",
    "reverseTransaction": "txn",
    "deleteNotification": "ntf",
    "cancelTask": "tsk",
}


def often(value: object) -> bool:
    """Three times in four, and for equal values alike."""
    return crc32(repr(value).encode()) % 4 != 0


class Stock:
    """One of each kind, and more where requests use them up."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.people: dict[Role, Account] = {}
        self.ids: dict[str, str] = {}
        self._known: set[str] = set()
        self._made = 0

    async def lay_in(self) -> None:
        """Makes what most requests need."""
        for role in Role:
            self.people[role] = await self.world.account(role)
        self.member = await self.world.account()
        self.ids["usr"] = self.people[Role.USER].id
        for kind in ("bud", "exp", "cus", "ord", "txn", "ntf", "tsk"):
            self.ids[kind] = await self.fresh(kind)
        await self._membership()

    def caller(self, name: str) -> Account | None:
        """The account with the least role that may call the operation; None for a public one."""
        scope = OPERATIONS[name].scope
        if scope is None:
            return None
        return next(self.people[role] for role in Role if scope in ROLES[role.value])

    async def fresh(self, kind: str) -> str:
        """The id of a new one."""
        user, manager = self.people[Role.USER], self.people[Role.MANAGER]
        match kind:
            case "bud":
                body = {"name": "Household", "limit": "500.00"}
                made = await self.world.made(user, "/budgets", body)
            case "exp":
                body = {"description": "Market", "amount": "4.20", "category": "Groceries"}
                made = await self.world.made(
                    user, "/expenses", body | {"budgetId": self.ids["bud"]}
                )
            case "cus":
                body = {"name": "Corner Café", "email": "hello@corner.example"}
                made = await self.world.made(manager, "/customers", body)
            case "ord":
                lines = [{"product": "Beans", "quantity": 2, "unitPrice": "18.50"}]
                made = await self.world.made(
                    manager, "/orders", {"customerId": self.ids["cus"], "lines": lines}
                )
            case "txn":
                body = {"kind": "credit", "amount": "10.00", "description": "Salary"}
                made = await self.world.made(user, "/transactions", body)
            case "ntf":
                body = {"title": "Hello", "body": "There", "userId": user.id}
                made = await self.world.made(self.people[Role.SUPPORT], "/notifications", body)
            case "tsk":
                made = await self.world.made(user, "/tasks", {"kind": "monthlyReport", "input": {}})
            case _:
                raise ValueError(kind)
        return str(made["id"])

    def met(self, text: str) -> None:
        """Notes the ids in an answer: a request about one of these is left as it is."""
        self._known.update(found[0] for found in _ID.finditer(text))

    async def _membership(self) -> None:
        """Lets `member` into the budget, by the mail that it gets."""
        path = f"/budgets/{self.ids['bud']}/invitations"
        await self.world.made(
            self.people[Role.USER], path, {"email": self.member.email, "role": "viewer"}
        )
        token = await self.world.mailed(self.member.email)
        await self.world.made(self.member, "/invitations/accept", {"token": token})

    # --- one request ------------------------------------------------------------------------------

    async def prepare(
        self,
        name: str,
        path: MutableMapping[str, Any],
        query: MutableMapping[str, Any],
        headers: MutableMapping[str, str],
        body: Any,
        *,
        well_formed: bool = True,
    ) -> Account | None:
        """Puts what exists in place of most well-formed ids, and secrets into most bodies that are
        `well_formed`; gives the caller.
        """
        caller = self.caller(name)
        if caller is not None and name in _LAST_ACTS:
            caller = await self.world.account()
        for values in (path, query, *_objects(body)):
            for key, value in values.items():
                found = _ID.fullmatch(value) if isinstance(value, str) else None
                if found and value not in self._known and often(value):
                    values[key] = await self._id(name, found[1], caller, key) or value
        if well_formed and isinstance(body, MutableMapping):
            await self._secrets(name, body, caller)
        for values in (query, *_objects(body)):
            if often(values.get("pageToken")):
                values.pop("pageToken", None)
        for key, value in headers.items():
            if key.lower() == "idempotency-key" and 0 < len(value) < 100 and often(value):
                self._made += 1
                headers[key] = f"{value.strip()}{self._made}"
            elif key.lower() == "if-match" and value.startswith(('"', "W/")) and often(value):
                headers[key] = "*"
        return caller

    async def _id(self, name: str, kind: str, caller: Account | None, key: str) -> str | None:
        if kind == "ses":
            assert caller is not None
            return session_of(caller)
        if kind == "usr":
            if name == "setUserRole":
                return (await self.world.account()).id
            if name == "removeBudgetMember":
                await self._membership_again()
            return self.member.id if "BudgetMember" in name else self.ids["usr"]
        if name == "retryTask":
            id = await self.fresh("tsk")
            await self.world.send(self.people[Role.USER], "POST", f"/tasks/{id}/cancel")
            return id
        if _USES_UP.get(name) == kind and key == "id":
            return await self.fresh(kind)
        return self.ids.get(kind)

    async def _membership_again(self) -> None:
        path = f"/budgets/{self.ids['bud']}/members"
        listed = await self.world.send(self.people[Role.USER], "GET", path)
        if not listed.json()["items"]:
            await self._membership()

    async def _secrets(
        self, name: str, body: MutableMapping[str, Any], caller: Account | None
    ) -> None:
        """Passwords and tokens, which no generator guesses."""
        names, fill = _SECRETS.get(name, ((), None))
        if fill is not None and all(body.get(each) for each in names) and often(body):
            body.update(await fill(self, caller))


def session_of(account: Account) -> str:
    """The session's id, which the access token names."""
    payload = account.access.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sid"])


def _objects(body: Any) -> list[MutableMapping[str, Any]]:
    """The body's objects, with those inside of them."""
    if isinstance(body, list):
        return [each for item in body for each in _objects(item)]
    if not isinstance(body, MutableMapping):
        return []
    return [body, *(each for value in body.values() for each in _objects(value))]


async def _login(stock: Stock, _: Account | None) -> dict[str, Any]:
    return {"email": stock.member.email, "password": PASSWORD}


async def _refresh(stock: Stock, _: Account | None) -> dict[str, Any]:
    return {"refreshToken": (await stock.world.sign_in(stock.member.email)).refresh}


async def _password(_: Stock, __: Account | None) -> dict[str, Any]:
    return {"currentPassword": PASSWORD}


async def _verify(stock: Stock, _: Account | None) -> dict[str, Any]:
    account = await stock.world.account(verified=False)
    return {"token": await stock.world.mailed(account.email)}


async def _reset(stock: Stock, _: Account | None) -> dict[str, Any]:
    account = await stock.world.account()
    await stock.world.made(account, "/auth/forgot-password", {"email": account.email})
    return {"token": await stock.world.mailed(account.email)}


async def _invitation(stock: Stock, caller: Account | None) -> dict[str, Any]:
    assert caller is not None
    budget = await stock.world.made(stock.member, "/budgets", {"name": "Shared", "limit": "10.00"})
    body = {"email": caller.email, "role": "editor"}
    await stock.world.made(stock.member, f"/budgets/{budget['id']}/invitations", body)
    return {"token": await stock.world.mailed(caller.email), "invitationId": None}


_Fill = Callable[[Stock, Account | None], Awaitable[dict[str, Any]]]
# Operation → the properties that must be there, and what goes into them.
_SECRETS: dict[str, tuple[tuple[str, ...], _Fill]] = {
    "login": (("email", "password"), _login),
    "refreshTokens": (("refreshToken",), _refresh),
    "changePassword": (("currentPassword",), _password),
    "verifyEmail": (("token",), _verify),
    "resetPassword": (("token",), _reset),
    "acceptInvitation": (("token",), _invitation),
}
