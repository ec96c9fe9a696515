"""The peers: grpc.aio with servicers as one writes them by hand.

One has its budget in memory; the other stands on the platform's own handlers. Both do what a
careful author does: tell who asks by a remembered token, ask who may see the budget, make the
message from the model, refuse with a status. Neither limits, logs or counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import grpc
import uvloop

from bench.sample import BUDGET, BUDGET_ID, BUDGET_INPUT, USER_ID
from generated import operations
from generated.grpc import budget_pb2 as pb
from generated.models import Budget, BudgetInput, LoginInput, Role
from runtime.call import Call, Caller
from runtime.problem import NotFound
from runtime.settings import Settings

Context = grpc.aio.ServicerContext[Any, Any]


def message_of(budget: Budget) -> pb.Budget:
    """The budget as a message."""
    return pb.Budget(
        id=budget.id,
        version=budget.version,
        created_at=budget.created_at.isoformat(timespec="milliseconds"),
        updated_at=budget.updated_at.isoformat(timespec="milliseconds"),
        owner_id=budget.owner_id,
        name=budget.name,
        limit=str(budget.limit),
        currency=f"CURRENCY_{budget.currency}",
        period=f"PERIOD_{budget.period.upper()}",
        starts_on=budget.starts_on.isoformat(),
        ends_on=budget.ends_on.isoformat() if budget.ends_on else None,
        spent=str(budget.spent),
        members=[
            pb.BudgetMember(user_id=m.user_id, role=f"MEMBER_ROLE_{m.role.upper()}")
            for m in budget.members
        ],
    )


def token_of(context: Context) -> str:
    """The token that came along."""
    metadata = dict(context.invocation_metadata() or ())
    return str(metadata.get("authorization", "")).removeprefix("Bearer ")


class InMemory:
    """GetBudget over a dict."""

    def __init__(self) -> None:
        self.tokens = {"a token": USER_ID}
        budget = Budget.model_validate_json(json.dumps(BUDGET), by_alias=True, by_name=False)
        self.budgets = {BUDGET_ID: budget}

    async def get_budget(self, request: pb.GetBudgetRequest, context: Context) -> pb.Budget:
        """One budget of the caller's."""
        user = self.tokens.get(token_of(context))
        if user is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Send an access token.")
        budget = self.budgets.get(request.id)
        if budget is None or (
            budget.owner_id != user and user not in (m.user_id for m in budget.members)
        ):
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such Budget.")
        assert budget is not None
        return message_of(budget)


class OverHandlers:
    """GetBudget over the platform's own handlers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.callers: dict[str, Caller] = {}

    async def open(self) -> tuple[str, str]:
        """Makes an account with a budget: its token, and the budget's id."""
        from app import build

        settings = Settings(data_dir=self.folder, jwt_secret=b"a secret of the benchmark, no more")
        self.platform = await build(settings)
        await self.platform.start()
        auth, words = self.platform.auth, "a password for it"
        await auth.make_account("ann@example.com", "Ann", words, Role.USER)
        login = LoginInput(email="ann@example.com", password=words)
        signed_in = await auth.login(Call(operations.LOGIN, "grpc", "bench"), body=login)
        token = signed_in.access_token
        self.callers[token] = (await auth.identify(token))[0]
        call = Call(operations.CREATE_BUDGET, "grpc", "bench")
        call.caller = self.callers[token]
        body = BudgetInput.model_validate_json(json.dumps(BUDGET_INPUT), by_alias=True)
        budget = await self.platform.budget.create_budget(call, body=body)
        return token, budget.id

    async def get_budget(self, request: pb.GetBudgetRequest, context: Context) -> pb.Budget:
        """One budget of the caller's."""
        caller = self.callers.get(token_of(context))
        if caller is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Send an access token.")
        assert caller is not None
        call = Call(operations.GET_BUDGET, "grpc", "bench")
        call.caller = caller
        try:
            if await self.platform.budget.level_on_budget(caller, request.id) is None:
                raise NotFound
            return message_of(await self.platform.budget.get_budget(call, id=request.id))
        except NotFound:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such Budget.")
        raise AssertionError("abort raises")


async def serve(port: int, folder: str | None) -> None:
    """Serves until it is told to stop; over the handlers where it is given a folder for them."""
    servicer: InMemory | OverHandlers = InMemory()
    if folder is not None:
        servicer = OverHandlers(Path(folder, "data"))
        told = json.dumps(await servicer.open())
        Path(folder, "told.json").write_text(told)  # noqa: ASYNC240 # before anything is served
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.get_budget,
        request_deserializer=pb.GetBudgetRequest.FromString,
        response_serializer=pb.Budget.SerializeToString,
    )
    handlers = grpc.method_handlers_generic_handler(
        "budget.v1.BudgetService", {"GetBudget": handler}
    )
    server.add_generic_rpc_handlers((handlers,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
