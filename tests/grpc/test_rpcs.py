"""Unary rpcs: what goes along, how they refuse, what is told of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from generated.grpc import budget_pb2 as pb
from generated.grpc.methods import SERVICES
from runtime.grpc.server import GrpcServer, Listening
from runtime.grpc.status import field_path
from runtime.serve import PortTaken
from tests.grpc.stage import Stage, code, details, pointers, problem, signed
from tests.rest.world import Account

pytestmark = pytest.mark.anyio

HOUSEHOLD = pb.BudgetInput(name="Household", limit="500.00")


async def budget_of(stage: Stage, owner: Account) -> pb.Budget:
    """A new budget."""
    request = pb.CreateBudgetRequest(body=HOUSEHOLD)
    made: pb.Budget = await stage.ask(owner, "BudgetService/CreateBudget", request, pb.Budget)
    return made


async def refused(stage: Stage, caller: Account | None, method: str, request: Any) -> Any:
    """The refusal of a request."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stage.ask(caller, method, request, pb.Budget)
    return error.value


async def test_all_faults_are_told_with_rests_pointers_and_protos_paths(stage: Stage) -> None:
    ann = await stage.account()
    body = pb.BudgetInput(name="", limit="-1", currency=pb.CURRENCY_UNSPECIFIED, starts_on="x")
    error = await refused(
        stage, ann, "BudgetService/CreateBudget", pb.CreateBudgetRequest(body=body)
    )
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sorted(pointers(error)) == ["/currency", "/limit", "/name", "/startsOn"]
    told = details(error)
    paths = sorted(each.field for each in told["BadRequest"].field_violations)
    assert paths == ["body.currency", "body.limit", "body.name", "body.starts_on"]
    assert told["ErrorInfo"].reason == "INVALID_INPUT"
    assert told["RequestInfo"].request_id == problem(error).request_id


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("/lines/0/unitPrice", "body.lines[0].unit_price"),
        ("?pageSize", "page_size"),
        ("path:id", "id"),
        ("header:Idempotency-Key", "idempotency_key"),
        ("header:If-Match", "version"),
        ("", "body"),
        ("/a~1b", "body.a/b"),
    ],
)
def test_a_pointer_is_told_as_protos_path(pointer: str, path: str) -> None:
    assert field_path(pointer) == path


async def test_many_faults_are_told_as_far_as_clients_take_them(stage: Stage) -> None:
    """Metadata has a limit, beyond which a client sees no refusal at all."""
    ann = await stage.account()
    body = pb.ExpenseInput(
        budget_id="x", description="", amount="", category="", tags=["\n"] * 10, note="\0" * 3000
    )
    lines = [pb.OrderLine(product="", quantity=0, unit_price="é" * 50)] * 100
    order = pb.CreateOrderRequest(body=pb.OrderInput(customer_id="x", lines=lines))
    for caller, method, request in (
        (ann, "ExpenseService/CreateExpense", pb.CreateExpenseRequest(body=body)),
        (await stage.account(pb_role("manager")), "OrderService/CreateOrder", order),
    ):
        error = await refused(stage, caller, method, request)
        assert code(error) == "invalid-input"
        assert len(pointers(error)) >= 4


def pb_role(name: str) -> Any:
    """A role by its name."""
    from generated.models import Role

    return Role(name)


async def test_names_and_limits_go_along(stage: Stage) -> None:
    """x-request-id and traceparent come back, as on REST; RateLimit too, and its policy where it is
    refused.
    """
    ann = await stage.account()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for request in (pb.ListBudgetsRequest(), pb.ListBudgetsRequest(page_size=0)):
        asking: Any = stage.channel.unary_unary(
            "/budget.v1.BudgetService/ListBudgets",
            request_serializer=pb.ListBudgetsRequest.SerializeToString,
        )
        metadata = signed(ann, {"x_request_id": "mine-1", "traceparent": trace})
        told = dict(await asking(request, metadata=metadata).trailing_metadata())
        assert told["x-request-id"] == "mine-1"
        assert told["traceparent"][:35] == trace[:35]
        assert told["traceparent"] != trace
        assert ("ratelimit-policy" in told) == request.HasField("page_size")
        assert told["ratelimit"].startswith('"default";r=')


async def test_a_rate_limit_is_told_with_when_to_come_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, rate_limit_factor=0.01)
    await stage.open()
    try:
        request = pb.LoginRequest(body=pb.LoginInput(email="a@example.com", password="x" * 12))
        errors = [await refused(stage, None, "AuthService/Login", request) for _ in range(5)]
        error = errors[-1]
        assert code(error) == "rate-limited"
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details(error)["RetryInfo"].retry_delay.ToSeconds() >= 1
    finally:
        await stage.close()


async def test_a_version_and_a_key_mean_what_rests_headers_mean(stage: Stage) -> None:
    ann = await stage.account()
    request = pb.CreateBudgetRequest(body=HOUSEHOLD, idempotency_key="once")
    first = await stage.ask(ann, "BudgetService/CreateBudget", request, pb.Budget)
    again = await stage.ask(ann, "BudgetService/CreateBudget", request, pb.Budget)
    assert first == again
    rest = await stage.send(
        ann, "POST", "/budgets", {"name": "Household", "limit": "500.00"}, idempotency_key="once"
    )
    assert rest.json()["id"] == first.id
    request.body.name = "Other"
    error = await refused(stage, ann, "BudgetService/CreateBudget", request)
    assert code(error) == "idempotency-key-reused"
    update = pb.UpdateBudgetRequest(id=first.id, body=HOUSEHOLD, version=7)
    error = await refused(stage, ann, "BudgetService/UpdateBudget", update)
    assert (code(error), error.code()) == (
        "precondition-failed",
        grpc.StatusCode.FAILED_PRECONDITION,
    )


async def test_what_nobody_knows_is_unimplemented_and_garbage_is_refused(stage: Stage) -> None:
    ann = await stage.account()
    for method in ("BudgetService/Nothing", "NobodyService/GetBudget"):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stage.ask(ann, method, b"", pb.Budget)
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    for raw in (b"\xff" * 20, b"\x0a\x05abc", b"\x0a\x02\xff\xfe"):
        error_of = await refused(stage, ann, "BudgetService/GetBudget", raw)
        assert code(error_of) == "malformed-request"


async def test_a_message_beyond_the_operations_limit_is_refused(stage: Stage) -> None:
    ann = await stage.account()
    body = pb.BudgetInput(name="a" * (1 << 20), limit="1.00")
    request = pb.CreateBudgetRequest(body=body)
    error = await refused(stage, ann, "BudgetService/CreateBudget", request)
    assert (code(error), error.code()) == ("body-too-large", grpc.StatusCode.RESOURCE_EXHAUSTED)
    body.name = "a" * (5 << 20)
    request = pb.CreateBudgetRequest(body=body)
    error = await refused(stage, ann, "BudgetService/CreateBudget", request)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    # Compressed it is small; it is refused by what it becomes.
    asking: Any = stage.channel.unary_unary("/budget.v1.BudgetService/CreateBudget")
    with pytest.raises(grpc.aio.AioRpcError) as bomb:
        await asking(
            b"\0" * (64 << 20), metadata=signed(ann, {}), compression=grpc.Compression.Gzip
        )
    assert bomb.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_defect_is_internal_without_a_word_and_is_logged(stage: Stage) -> None:
    ann = await stage.account()

    async def broken(*_: object, **__: object) -> object:
        raise RuntimeError("a secret of ours")

    _replace_get(stage, broken)
    error = await refused(stage, ann, "BudgetService/GetBudget", _absent())
    assert (error.code(), code(error)) == (grpc.StatusCode.INTERNAL, "internal")
    assert "secret" not in str(error) + str(problem(error))


def _replace_get(stage: Stage, get: Any) -> None:
    """Lets the budget service's reads be `get`."""
    store: Any = stage.platform.budget._store
    store.get = get


def _absent() -> pb.GetBudgetRequest:
    return pb.GetBudgetRequest(id="bud_" + "0" * 26)


async def test_it_is_counted_and_logged_as_grpc(tmp_path: Path) -> None:
    stage = Stage(tmp_path, log_level="info")
    await stage.open()
    ann = await stage.account()
    await refused(stage, ann, "BudgetService/GetBudget", _absent())
    counted = (await stage.http.get("/metrics")).text
    assert 'operation="getBudget",protocol="grpc",status="NOT_FOUND"' in counted
    await stage.close()
    lines = [json.loads(line) for line in stage.log.getvalue().splitlines()]
    line = next(each for each in lines if each.get("protocol") == "grpc")
    assert (line["operation"], line["status"], line["caller"]) == ("getBudget", "NOT_FOUND", ann.id)
    assert line["address"] == "127.0.0.1"


async def test_a_deadline_ends_the_work(stage: Stage) -> None:
    """The client's deadline cancels the handler: nothing goes on for nobody."""
    ann = await stage.account()
    ended = asyncio.Event()

    async def slow(*_: object, **__: object) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return None

    _replace_get(stage, slow)
    asking: Any = stage.channel.unary_unary("/budget.v1.BudgetService/GetBudget")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await asking(_absent().SerializeToString(), metadata=signed(ann, {}), timeout=0.2)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(ended.wait(), 5)


async def test_health_tells_of_each_service_and_of_the_stop(stage: Stage) -> None:
    stub: Any = health_pb2_grpc.HealthStub(stage.channel)
    for service in ("", *SERVICES):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Check(health_pb2.HealthCheckRequest(service="budget.v1.IdentityService"))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_stop_lets_open_rpcs_end(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    reading = stage.platform.budget._store.get
    reached, let = asyncio.Event(), asyncio.Event()

    async def waits(*args: Any) -> Any:
        reached.set()
        await let.wait()
        return await reading(*args)

    _replace_get(stage, waits)
    request = pb.GetBudgetRequest(id=budget.id)
    open_rpc = asyncio.create_task(stage.ask(ann, "BudgetService/GetBudget", request, pb.Budget))
    await reached.wait()
    stopping = asyncio.create_task(stage.rpcs.stop(10))
    await asyncio.sleep(0)
    let.set()
    assert (await open_rpc).id == budget.id
    await stopping


async def test_plaintext_stays_on_the_loopback_unless_told(stage: Stage) -> None:
    assert Listening("127.0.0.1", 1).address == "127.0.0.1"
    assert Listening("::1", 1).address == "::1"
    assert Listening("0.0.0.0", 1).address == "127.0.0.1"
    assert Listening("0.0.0.0", 1, plaintext=True).address == "0.0.0.0"
    assert Listening("0.0.0.0", 1, Path("cert"), Path("key")).address == "0.0.0.0"
    taken = GrpcServer(stage.rpcs._methods, SERVICES, Listening("127.0.0.1", stage.rpcs.port))
    with pytest.raises(PortTaken, match="--grpc-port"):
        await taken.start()
