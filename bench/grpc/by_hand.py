"""The peer: grpc.aio with a servicer as one writes it, over a budget in memory.

It does what a careful author does: tells who asks by a remembered token, checks the id and who may
see the budget, makes the message from a model, refuses with a status. No limits, log or metrics.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
import uvloop

from bench.sample import BUDGET, BUDGET_ID, USER_ID
from generated.grpc import budget_pb2 as pb
from generated.models import Budget

TOKENS = {"a token": USER_ID}


class BudgetServicer:
    """GetBudget, by hand."""

    def __init__(self) -> None:
        budget = Budget.model_validate(BUDGET, strict=False, by_alias=True)
        self.budgets = {BUDGET_ID: budget}

    async def get_budget(
        self, request: pb.GetBudgetRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.Budget:
        """One budget of the caller's."""
        metadata = dict(context.invocation_metadata() or ())
        user = TOKENS.get(str(metadata.get("authorization", "")).removeprefix("Bearer "))
        if user is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Send an access token.")
        budget = self.budgets.get(request.id)
        if budget is None or (
            budget.owner_id != user and user not in (m.user_id for m in budget.members)
        ):
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such Budget.")
        assert budget is not None
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


async def serve(port: int) -> None:
    """Serves until it is told to stop."""
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        BudgetServicer().get_budget,
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
        runner.run(serve(int(sys.argv[1])))
