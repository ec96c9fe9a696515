"""Who may hear and say what over a socket: the same nine kinds of caller as over REST."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from generated.operations import GET_BUDGET, LIST_CHAT_MESSAGES, SEND_CHAT_MESSAGE
from tests.access.requests import Things
from tests.access.test_matrix import KINDS, Cast, expected
from tests.rest.world import World
from tests.websocket.client import SUBPROTOCOL, Client, Line

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(world: World) -> Cast:
    cast = Cast(world)
    await cast.assemble()
    return cast


async def ask(client: Client, operation: str, things: Things) -> dict[str, Any]:
    """The answer to the frame that stands for an operation on the owner's things."""
    if operation == GET_BUDGET.id:
        return await client.ask("subscribe", channel=f"budgets/{things.budget}")
    channel = f"chat/{things.owner}"
    if operation == LIST_CHAT_MESSAGES.id:
        return await client.ask("subscribe", channel=channel)
    return await client.ask("send", channel=channel, payload={"text": "Hello"})


@pytest.mark.parametrize("kind", KINDS)
async def test_the_contract_says_who_may_hear_and_say_what(
    cast: Cast, line: Line, kind: str
) -> None:
    things = await cast.things()
    wrong: list[str] = []
    for operation in (GET_BUDGET, LIST_CHAT_MESSAGES, SEND_CHAT_MESSAGE):
        wanted = expected(operation, kind)
        account = cast.accounts.get(kind)
        client = await (line.signed_in(account) if account else line.connect())
        answer = await ask(client, operation.id, things)
        got = None
        if answer["type"] == "error":
            got = (answer["payload"]["status"], answer["payload"]["code"])
        if got != wanted:
            wrong.append(f"{operation.id} as {kind}: {got}, the contract says {wanted}")
    assert not wrong, "\n".join(wrong)


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(token: str, other: str) -> dict[str, str]:
    """Tokens that are nobody's, made of two that are somebody's."""
    head, claims, mark = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return {
        "another's signature": f"{head}.{claims}.{other.split('.')[2]}",
        "another's claims": f"{head}.{other.split('.')[1]}.{mark}",
        "no algorithm": f"{_part({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        "no signature": f"{head}.{claims}.",
        "a longer life": f"{head}.{_part(told | {'exp': told['exp'] + 9999})}.{mark}",
        "cut": token[:-2],
        "a session's id": f"{told['sid']}",
        "no token": "x",
    }


async def test_forged_tokens_are_refused_by_every_way_to_sign_in(world: World, line: Line) -> None:
    ann, bo = await world.account(), await world.account()
    for name, token in forged(ann.access, bo.access).items():
        by_frame = await line.connect()
        await by_frame.ask("signIn", payload={"accessToken": token})
        by_subprotocol = await line.connect(subprotocols=[SUBPROTOCOL, f"bearer.{token}"])
        headers = {"Authorization": f"Bearer {token}"}
        by_header = await line.connect(additional_headers=headers)
        by_ticket = await line.connect(f"/?ticket={token}")
        for client in (by_frame, by_subprotocol, by_header, by_ticket):
            assert await client.ended() == 4401, name
    basic = await line.connect(additional_headers={"Authorization": "Basic QTpC"})
    assert await basic.ended() == 4401
    # And by what is no way.
    cookie = await line.connect(additional_headers={"Cookie": f"token={ann.access}"})
    await cookie.ask("ping")
    assert await cookie.ended() == 4401


async def test_an_expired_and_a_refresh_token_are_refused(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.connect()
    await client.ask("signIn", payload={"accessToken": ann.refresh})
    assert await client.ended() == 4401
    assert (await world.send(ann, "POST", "/auth/logout")).is_success
    client = await line.connect()
    await client.ask("signIn", payload={"accessToken": ann.access})
    assert await client.ended() == 4401
