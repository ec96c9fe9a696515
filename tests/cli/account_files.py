"""Somebody who has one of everything, and the file that it is exported to."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from generated.models import Role
from tests.cli.calls import beside
from tests.rest.world import Account, World

Document = dict[str, Any]
SPENT = ("12.50", "7.25", "30.00")


async def furnished(world: World) -> Account:
    """Somebody who has one of everything, and shares another's budget."""
    ann = await world.account(Role.MANAGER, address="ann@example.com")
    ben = await world.account(address="ben@example.com")
    home = await world.made(ann, "/budgets", {"name": "Home", "limit": "50.00"})
    trips = await world.made(ben, "/budgets", {"name": "Trips", "limit": "900", "currency": "JPY"})
    await world.made(
        ben, f"/budgets/{trips['id']}/invitations", {"email": ann.email, "role": "editor"}
    )
    token = await world.mailed(ann.email)
    await world.made(ann, "/invitations/accept", {"token": token})
    for place, amount in enumerate(SPENT):
        await world.made(
            ann,
            "/expenses",
            {
                "budgetId": home["id"],
                "description": f"Lamp {place}",
                "amount": amount,
                "category": "House",
                "externalId": f"x-{place}",
                "tags": ["light"],
            },
        )
    await world.made(
        ann,
        "/expenses",
        {"budgetId": trips["id"], "description": "Ferry", "amount": "800", "category": "Travel"},
    )
    customer = await world.made(ann, "/customers", {"name": "Cy", "email": "cy@example.com"})
    order = await world.made(
        ann,
        "/orders",
        {
            "customerId": customer["id"],
            "lines": [{"product": "Desk", "quantity": 2, "unitPrice": "10.00"}],
        },
    )
    for status in ("confirmed", "paid"):
        await world.made(ann, f"/orders/{order['id']}/status", {"status": status})
    row = await world.made(
        ann, "/transactions", {"kind": "credit", "amount": "99.00", "description": "Pay"}
    )
    await world.made(ann, f"/transactions/{row['id']}/reversal")
    await world.made(ann, f"/chat/{ann.id}/messages", {"text": "Hello"})
    await world.made(ann, "/tasks", {"kind": "monthlyReport", "input": {}})
    assert await world.platform.drained()
    return ann


async def seen(world: World, account: Account) -> Document:
    """What the account sees of its own, but for versions."""
    everything: Document = {}
    for path in (
        "/budgets?sort=%2Bname",
        "/expenses",
        "/orders",
        "/transactions",
        "/transactions/balance",
        "/notifications",
        f"/chat/{account.id}/messages",
        "/tasks",
    ):
        answer = await world.send(account, "GET", path)
        assert answer.is_success, answer.text
        everything[path] = [
            {name: value for name, value in item.items() if name not in ("version", "updatedAt")}
            for item in answer.json()["items"]
        ]
    return everything


async def settled(world: World) -> None:
    """What a command wrote beside it has had its effect."""
    async with asyncio.timeout(30):
        while await world.platform.inspection.waiting():  # noqa: ASYNC110 # another process wrote
            await asyncio.sleep(0.05)


async def exported(world: World, account: Account, path: Path, *more: str) -> list[Document]:
    """The documents of the account's file."""
    done = await beside("export", account.email, "--to", str(path), *more, data=world.folder)
    assert done.returncode == 0, done.stderr
    return documents_in(path)


def documents_in(path: Path) -> list[Document]:
    """Its lines."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rewritten(path: Path, documents: list[Document]) -> Path:
    """A file of these, with right counts and checksum."""
    *lines, end = documents
    counts = dict.fromkeys(end["counts"], 0)
    for document in lines[1:]:
        counts[document["kind"]] = counts.get(document["kind"], 0) + 1
    text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    end = {"kind": "end", "counts": counts, "sha256": hashlib.sha256(text).hexdigest()}
    path.write_bytes(text + json.dumps(end).encode() + b"\n")
    return path
