"""How long a socket lives, and what it is told when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from generated.models import Role
from tests.rest.world import PASSWORD, Account, World
from tests.websocket.client import Line, served

pytestmark = pytest.mark.anyio


async def soon(condition: Callable[[], bool]) -> None:
    """Waits until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.005)


async def nothing_waits(world: World) -> None:
    """Waits until all that was put is sent: what is under way looks old to a clock set forward."""
    await soon(lambda: not any(each._outbox.since for each in world.platform.hub._sockets))


def open_sockets(world: World) -> int:
    """As the gauge has it."""
    text = world.platform.metrics.render().decode()
    line = next(line for line in text.split("\n") if line.startswith("budget_open_sockets "))
    return int(float(line.split()[1]))


# --- the session ----------------------------------------------------------------------------------


async def log_out(world: World, account: Account) -> None:
    assert (await world.send(account, "POST", "/auth/logout")).is_success


async def change_password(world: World, account: Account) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": "another password for tests"}
    assert (await world.send(account, "POST", "/auth/change-password", body)).is_success


async def revoke_from_elsewhere(world: World, account: Account) -> None:
    elsewhere = await world.sign_in(account.email)
    sessions = (await world.send(elsewhere, "GET", "/auth/sessions?sort=createdAt")).json()
    oldest = sessions["items"][0]["id"]
    assert (await world.send(elsewhere, "DELETE", f"/auth/sessions/{oldest}")).is_success


async def delete_account(world: World, account: Account) -> None:
    assert (await world.send(account, "DELETE", "/auth/me")).is_success


@pytest.mark.parametrize("end", [log_out, change_password, revoke_from_elsewhere, delete_account])
async def test_a_session_that_ends_ends_its_sockets_within_a_second(
    world: World, line: Line, end: Callable[..., object]
) -> None:
    ann, bo = await world.account(), await world.account()
    hers = [await line.signed_in(ann) for _ in range(2)]
    his = await line.signed_in(bo)
    await hers[0].subscribe(f"chat/{ann.id}")
    await end(world, ann)  # type: ignore[misc]  # each is a coroutine function
    began = monotonic()
    for client in hers:
        assert await client.ended() == 4401
        assert client.heard[-1]["payload"]["code"] == "unauthenticated"
    assert monotonic() - began < 1
    assert (await his.ask("ping"))["type"] == "pong"


async def test_one_session_of_two_ends_alone(world: World, line: Line) -> None:
    ann = await world.account()
    again = await world.sign_in(ann.email)
    first, second = await line.signed_in(ann), await line.signed_in(again)
    await log_out(world, ann)
    assert await first.ended() == 4401
    assert (await second.ask("ping"))["type"] == "pong"


async def test_a_socket_outlives_the_token_that_signed_it_in(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    world.platform.gate._known.forget_all()
    said = await client.say(ann.id, "Still here")
    assert said["authorId"] == ann.id


# --- silence --------------------------------------------------------------------------------------


async def test_who_does_not_sign_in_is_sent_away(world: World, line: Line) -> None:
    client = await line.connect()
    await soon(lambda: open_sockets(world) == 1)
    world.platform.hub.beat(monotonic() + 9)
    world.platform.hub.beat(monotonic() + 11)
    assert await client.ended() == 4401
    assert client.heard[0]["payload"]["code"] == "unauthenticated"


async def test_a_silent_client_is_pinged_and_who_stopped_answering_is_closed(
    world: World, line: Line
) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    beat = world.platform.hub.beat
    beat(monotonic() + 14)
    await nothing_waits(world)
    beat(monotonic() + 16)
    ping = await client.until(type="ping")
    await client.send({"type": "pong", "id": ping["id"]})
    assert (await client.ask("ping"))["type"] == "pong"
    beat(monotonic() + 16)
    assert (await client.until(type="ping"))["type"] == "ping"
    await nothing_waits(world)
    beat(monotonic() + 40)
    beat(monotonic() + 50)
    assert await client.ended() == 4408


async def test_a_client_that_never_answers_pings_need_only_read(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    for seconds in range(16, 300, 16):
        world.platform.hub.beat(monotonic() + seconds)
        assert (await client.until(type="ping"))["type"] == "ping"
        await nothing_waits(world)
    assert (await client.ask("ping"))["type"] == "pong"


# --- too much -------------------------------------------------------------------------------------


async def test_a_frame_over_64_kib_closes(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    await client.send(json.dumps({"type": "ping", "id": "x" * 65_536}))
    assert await client.ended() == 4413
    client = await line.signed_in(ann)
    # 64 KiB are a frame, though this one says too much.
    frame = {"type": "send", "id": "1", "channel": f"chat/{ann.id}", "payload": {"text": ""}}
    room = 65_536 - len(json.dumps(frame))
    frame["payload"] = {"text": "x" * room}
    answer = await client.ask(**frame)  # type: ignore[arg-type]  # the frame's own keys
    assert answer["payload"]["errors"][0]["code"] == "maxLength"


@pytest.mark.parametrize(
    "garbage",
    [b"{}", "", "hello", "[]", "7", "null", '{"type":"nothing"}', '{"type":7}', "{" * 9000],
)
async def test_what_is_no_frame_closes_after_it_is_refused(
    world: World, line: Line, garbage: str | bytes
) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    await client.send(garbage)
    assert await client.ended() == 4400
    assert client.heard[-1]["payload"]["code"] == "malformed-request"


async def test_a_wrong_frame_is_refused_with_every_fault_and_the_socket_stays(
    world: World, line: Line
) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    await client.send({"type": "subscribe", "id": "7", "channel": "budgets/x", "colour": "red"})
    refused = await client.until(type="error")
    assert refused["id"] == "7"
    faults = {(each["pointer"], each["code"]) for each in refused["payload"]["errors"]}
    assert faults == {("/channel", "pattern"), ("/colour", "unknown")}
    assert (await client.ask("ping"))["type"] == "pong"


async def test_too_many_frames_and_sockets_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path, rate_limit_factor=0.05)
    await world.open()
    async with served(world) as port:
        line = Line(port)
        ann = await world.platform.auth.make_account("a@example.com", "Ann", PASSWORD, Role.USER)
        assert ann
        account = await world.sign_in("a@example.com")
        client = await line.signed_in(account)
        more = await line.connect(additional_headers=account.headers)
        assert await more.ended() == 4429
        assert more.heard[0]["payload"]["code"] == "rate-limited"
        for number in range(80):
            await client.send({"type": "ping", "id": str(number)})
        assert await client.ended() == 4429
        assert client.heard[-1]["payload"]["code"] == "rate-limited"
        await line.hang_up()
    await world.close()


async def test_an_operations_own_limit_counts_frames(tmp_path: Path) -> None:
    """Those over it are refused; the socket stays."""
    world = World(tmp_path, rate_limit_factor=0.05)
    await world.open()
    async with served(world) as port:
        line = Line(port)
        assert await world.platform.auth.make_account("a@example.com", "A", PASSWORD, Role.USER)
        ann = await world.sign_in("a@example.com")
        client = await line.signed_in(ann)
        for number in range(3):
            await client.say(ann.id, f"number {number}")
        frame = {"channel": f"chat/{ann.id}", "payload": {"text": "one too many"}}
        refused = await client.ask("send", **frame)
        assert refused["payload"]["code"] == "rate-limited"
        assert (await client.ask("ping"))["type"] == "pong"
        await line.hang_up()
    await world.close()


# --- its end --------------------------------------------------------------------------------------


async def test_a_server_that_stops_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    async with served(world) as port:
        line = Line(port)
        ann = await world.account()
        clients = [await line.signed_in(ann) for _ in range(20)]
        await clients[0].subscribe(f"chat/{ann.id}")
        world.platform.drain()
        for client in clients:
            assert await client.ended() == 1001
        late = await line.connect()
        assert await late.ended() == 1001
        await line.hang_up()
    await world.close()


async def test_sockets_leave_nothing_behind(world: World, line: Line) -> None:
    ann = await world.account()
    await (await line.signed_in(ann)).close()
    await soon(lambda: open_sockets(world) == 0)
    before = len(asyncio.all_tasks())
    clients = [await line.signed_in(ann) for _ in range(30)]
    for client in clients:
        await client.subscribe(f"chat/{ann.id}")
    assert open_sockets(world) == 30
    for client in clients[::2]:
        await client.close()
    for client in clients[1::2]:
        client.connection.transport.abort()
    await soon(lambda: open_sockets(world) == 0)
    await soon(lambda: len(asyncio.all_tasks()) <= before)
    hub = world.platform.hub
    assert not hub._accounts
    assert not hub._strangers


async def test_each_frame_is_logged_and_counted_without_secrets(tmp_path: Path) -> None:
    world = World(tmp_path, log_level="info")
    await world.open()
    async with served(world) as port:
        line = Line(port)
        ann = await world.account()
        client = await line.signed_in(ann)
        await client.say(ann.id, "A secret of mine")
        await client.ask("subscribe", channel="chat/usr_" + "0" * 26)
        await client.close()
        await soon(lambda: open_sockets(world) == 0)
        await line.hang_up()
    metrics = world.platform.metrics.render().decode()
    await world.close()
    lines = [json.loads(text) for text in world.log.getvalue().splitlines()]
    seen = [
        (each["operation"], each["status"], each["caller"])
        for each in lines
        if each.get("protocol") == "websocket"
    ]
    assert seen == [
        ("streamNotifications", 200, ann.id),
        ("sendChatMessage", 200, ann.id),
        ("listChatMessages", 404, ann.id),
        ("connection", "1000", ann.id),
    ]
    assert 'operation="sendChatMessage",protocol="websocket",status="200"} 1' in metrics
    log = world.log.getvalue().decode()
    assert ann.access not in log
    assert "A secret of mine" not in log
