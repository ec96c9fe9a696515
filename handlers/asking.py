"""One service asking another in a caller's name."""

from __future__ import annotations

from runtime.call import Call, Caller
from runtime.operation import Operation


def ask(call: Call, operation: Operation) -> Call:
    """The call that asks another service for `operation`, for the same caller.

    Neither the idempotency key nor the condition goes with it: they are about the first operation.
    """
    asked = Call(
        operation,
        call.protocol,
        call.request_id,
        token=call.token,
        address=call.address,
        user_agent=call.user_agent,
        traceparent=call.traceparent,
    )
    asked.caller = call.caller
    return asked


def ask_for(caller: Caller, operation: Operation, request_id: str, traceparent: str = "") -> Call:
    """The call that a background task makes for the user who wanted it."""
    asked = Call(operation, "task", request_id, traceparent=traceparent)
    asked.caller = caller
    return asked
