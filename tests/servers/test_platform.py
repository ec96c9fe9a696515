"""One platform on seven real servers: in one process, and in ten behind NGINX."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import websockets

from generated.grpc import budget_pb2 as pb
from tests.servers.life import Person, registered, true_sums, until
from tests.servers.town import NEEDED, Town, town

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.server(*NEEDED),
    pytest.mark.nginx,
    pytest.mark.xdist_group("town"),
]


@pytest.fixture(scope="module", params=["one process", "ten processes"])
async def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    """The platform, served in either way."""
    async with town(tmp_path_factory.mktemp("town")) as made:
        if request.param == "one process":
            await made.serve_whole()
        else:
            await made.serve_apart()
        yield made


@pytest.fixture
async def ann(place: Town) -> AsyncIterator[Person]:
    async with place.client() as http:
        yield await registered(http)


async def test_what_is_entered_is_counted_found_and_told_of(ann: Person) -> None:
    budget = await ann.made("/budgets", {"name": "Household", "limit": "100.00"})
    expense = {"budgetId": budget["id"], "description": "Old novels", "category": "Books"}
    await ann.made("/expenses", expense | {"amount": "85.00"})

    async def counted() -> bool:
        shown = (await ann.ask("GET", f"/budgets/{budget['id']}")).json()
        return bool(shown["spent"] == "85.00" and shown["version"] > 1)

    async def found() -> bool:
        answer = await ann.ask("POST", "/search/expenses", {"text": "novel"})
        return bool(answer.json()["total"] == 1)

    async def told() -> bool:
        items = (await ann.ask("GET", "/notifications")).json()["items"]
        return [item["title"] for item in items] == ["Household: 80 % spent"]

    for look in (counted, found, told):
        await until(look)


async def test_a_task_runs_and_its_result_is_there(ann: Person) -> None:
    await ann.made("/budgets", {"name": "Household", "limit": "100.00"})
    task = await ann.made("/tasks", {"kind": "monthlyReport", "input": {}})

    async def succeeded() -> Any:
        shown = (await ann.ask("GET", f"/tasks/{task['id']}")).json()
        assert shown["status"] != "failed", shown
        return shown["status"] == "succeeded" and shown["result"]

    assert "Household" in await until(succeeded)


async def test_every_protocol_gives_the_same_budget(place: Town, ann: Person) -> None:
    made = await ann.made("/budgets", {"name": "Household", "limit": "100.00"})
    rest = (await ann.ask("GET", f"/budgets/{made['id']}")).json()
    query = "query ($id: ID!) { budget(id: $id) { id name limit version createdAt ownerId } }"
    answer = await ann.ask("POST", "/graphql", {"query": query, "variables": {"id": made["id"]}})
    graph = answer.json()["data"]["budget"]
    assert graph == {name: rest[name] for name in graph}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{place.rpc_port}") as channel:
        ask: Any = channel.unary_unary(
            "/budget.v1.BudgetService/GetBudget",
            request_serializer=pb.GetBudgetRequest.SerializeToString,
            response_deserializer=pb.Budget.FromString,
        )
        metadata = (("authorization", f"Bearer {ann.token}"),)
        message = await ask(pb.GetBudgetRequest(id=made["id"]), metadata=metadata, timeout=10)
        assert (message.id, message.name, message.limit, message.version) == (
            *(rest["id"], rest["name"], rest["limit"], rest["version"]),
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(pb.GetBudgetRequest(id="bud_" + 26 * "0"), metadata=metadata, timeout=10)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_others_see_nothing_and_members_what_they_may(place: Town, ann: Person) -> None:
    budget = await ann.made("/budgets", {"name": "Household", "limit": "100.00"})
    async with place.client() as http:
        bob = await registered(http, "bob")
        for method, path in (
            ("GET", f"/budgets/{budget['id']}"),
            ("GET", f"/expenses/{budget['id']}"),
            ("DELETE", f"/budgets/{budget['id']}"),
        ):
            assert (await bob.ask(method, path)).status_code == 404
        body = {
            "budgetId": budget["id"],
            "description": "Theft",
            "amount": "1.00",
            "category": "Food",
        }
        assert (await bob.ask("POST", "/expenses", body)).status_code == 404
        # GraphQL and sockets are asked of a process that has none of the data.
        said = f'{{ budget(id: "{budget["id"]}") {{ name }} expenses(budgetId: "{budget["id"]}")'
        asked = (
            f"{said} {{ id }} }}",
            f'mutation {{ deleteBudget(id: "{budget["id"]}") }}',
            f'mutation {{ updateBudget(id: "{budget["id"]}", input: {{name: "x", limit: "1.00"}}) '
            "{ id } }",
        )
        for query in asked:
            answer = (await bob.ask("POST", "/graphql", {"query": query})).json()
            assert {e["extensions"]["code"] for e in answer["errors"]} <= {"NOT_FOUND"}, answer
        answer = await bob.ask("POST", "/graphql", {"query": "{ users { id } }"})
        assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        uri = f"ws://127.0.0.1:{place.port}/ws"
        headers = {"Authorization": f"Bearer {bob.token}"}
        async with websockets.connect(uri, additional_headers=headers) as socket:
            channel = f"budgets/{budget['id']}"
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "channel": channel}))
            async with asyncio.timeout(10):
                while (frame := json.loads(await socket.recv())).get("id") != "1":
                    pass
            assert frame["type"] == "error", frame
            assert frame["payload"]["code"] == "not-found"
    assert (await ann.ask("GET", f"/budgets/{budget['id']}")).json()["name"] == "Household"


async def test_a_signed_out_session_is_out_everywhere(ann: Person) -> None:
    paths = ("/budgets", "/expenses", "/transactions", "/tasks", "/notifications")
    for path in paths:
        assert (await ann.ask("GET", path)).status_code == 200
    assert (await ann.ask("POST", "/auth/logout", {})).status_code in (200, 204)

    async def out() -> bool:
        codes = [(await ann.ask("GET", path)).status_code for path in paths]
        return codes == [401] * len(paths)

    await until(out, 2)


async def test_a_socket_gets_its_notification_live(place: Town, ann: Person) -> None:
    budget = await ann.made("/budgets", {"name": "Household", "limit": "10.00"})
    headers = {"Authorization": f"Bearer {ann.token}"}
    uri = f"ws://127.0.0.1:{place.port}/ws"
    async with websockets.connect(uri, additional_headers=headers) as socket:
        entered = {"budgetId": budget["id"], "description": "Tea", "category": "Food"}

        async def heard() -> Any:
            while True:
                frame = json.loads(await socket.recv())
                if frame["type"] == "event" and frame["channel"] == "notifications":
                    return frame["payload"]["title"]

        hearing = asyncio.create_task(heard())
        await ann.made("/expenses", entered | {"amount": "9.00"})
        async with asyncio.timeout(30):
            assert await hearing == "Household: 80 % spent"


async def test_a_stop_and_a_start_lose_nothing(place: Town, ann: Person) -> None:
    budget = (await ann.made("/budgets", {"name": "Household", "limit": "100.00"}))["id"]
    await ann.spend(budget, "3.00", "before")
    for name in ("whole",) if "whole" in place.processes else ("expense", "budget", "auth"):
        assert await place.stop(name) == 0, place.log(name)
        if name == "whole":
            await place.start(name)
        else:
            await place.start_apart(name)

    async def entered() -> bool:
        return await ann.spend(budget, "4.00", "after")

    await until(entered)
    await until(lambda: true_sums(ann))


async def test_the_databases_are_as_this_version_declares_them(place: Town, tmp_path: Path) -> None:
    assert await place.command("migrate", "--dry-run") == 0
    assert await place.command("doctor") in (0, 1), place.log("command")
    said = (place.folder / "command.log").read_text("utf-8")
    for variable in ("MONGO_DB_URI", "POSTGRES_URL", "MYSQL_URL", "KAFKA_BROKER", "RABBITMQ_URL"):
        assert f"WRONG    {variable}" not in said, said
