"""One rpc from the first metadata to the last: who asks, what is said of it, how it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.message import Message

from runtime.call import Call
from runtime.grpc.status import Trailer, told
from runtime.grpc.trust import Vouchers
from runtime.log import RequestLog
from runtime.metrics import Metrics
from runtime.operation import Operation
from runtime.problem import Internal, Problem, ProblemKind, Unauthenticated
from runtime.proxies import client_address
from runtime.ratelimit import Limiter, limit_header, policy_header
from runtime.rest import bearer
from runtime.trace import continue_trace, request_id

logger = logging.getLogger("budget.grpc")

# Another service's voucher, and what it says of who asked it (runtime/grpc/trust.py).
VOUCHER = "x-service"
USER_AGENT = "x-user-agent"
ADDRESS = "x-forwarded-for"

Context = grpc.aio.ServicerContext[Any, Any]


class Desk:
    """What every rpc is named, judged and written down by."""

    def __init__(
        self,
        *,
        problems: Mapping[str, ProblemKind],
        problem: type[Message],
        vouchers: Vouchers,
        metrics: Metrics,
        log: RequestLog,
        limiter: Limiter,
        trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self.problems = problems
        self.problem = problem
        self.vouchers = vouchers
        self.metrics = metrics
        self.log = log
        self.proxies = trusted_proxies
        self._limiter = limiter
        self._policies: dict[str, str] = {}

    def policy(self, operation: Operation) -> str:
        """The operation's RateLimit-Policy."""
        text = self._policies.get(operation.id)
        if text is None:
            rule = operation.rate
            text = policy_header(rule.policy, self._limiter.limit(rule), rule.window)
            self._policies[operation.id] = text
        return text


class Turn:
    """One rpc. Made when it comes, `close`d when it ends."""

    __slots__ = ("_began", "_context", "_desk", "_headers", "_operation", "call", "request_id")

    def __init__(self, desk: Desk, operation: Operation, context: Context) -> None:
        self._began = perf_counter()
        self._desk = desk
        self._operation = operation
        self._context = context
        # Of a repeated key the last, as HTTP's are read.
        self._headers: dict[str, Any] = dict(context.invocation_metadata() or ())
        get = self._headers.get
        self.request_id = request_id(get("x-request-id"))
        self.call = Call(
            operation,
            "grpc",
            self.request_id,
            address=_address(context.peer(), get(ADDRESS, ""), desk.proxies),
            traceparent=continue_trace(get("traceparent")),
        )
        if operation.write:
            self.call.user_agent = get("user-agent", "")[:300]

    def header(self, name: str) -> str:
        """A value of the metadata, by its key; "" where there is none."""
        value = self._headers.get(name, "")
        return value if isinstance(value, str) else ""

    def identify(self) -> None:
        """Takes who asks into the call. Raises Unauthenticated where that cannot be read."""
        call, get = self.call, self._headers.get
        authorization = get("authorization")
        if authorization is not None:
            call.token = bearer(authorization.encode("latin-1"))
        voucher = get(VOUCHER)
        if voucher is not None:
            caller, forwarded = self._desk.vouchers.check(voucher, self._operation.id)
            if caller is not None:
                call.caller = caller
            call.vouched = True
            # What is only sent on is judged here, as any user's call.
            call.inside = not forwarded
            call.address = get(ADDRESS, call.address)
            call.user_agent = get(USER_AGENT, "")[:300]

    def vouched(self) -> None:
        """Raises Unauthenticated unless a service of ours asks."""
        self.identify()
        if not self.call.inside:
            raise Unauthenticated("Only services ask for this.")

    def heads(self, *, refused: bool = False) -> tuple[Trailer, ...]:
        """What every answer carries: its names, and what is left of the rate limit.

        Each costs 6 µs (measured), so a trace is told to those alone who trace, and what the limit
        is to those alone who are refused.
        """
        call = self.call
        heads: tuple[Trailer, ...] = (("x-request-id", self.request_id),)
        if "traceparent" in self._headers:
            heads += (("traceparent", call.traceparent),)
        if call.rate is not None:
            remaining, reset = call.rate
            heads += (("ratelimit", limit_header(call.operation.rate.policy, remaining, reset)),)
            if refused:
                heads += (("ratelimit-policy", self._desk.policy(call.operation)),)
        return heads

    def answered(self) -> None:
        """It went well."""
        self._context.set_trailing_metadata(self.heads())
        self._close("OK")

    def refuse(self, error: BaseException) -> None:
        """Tells why it was not done. What is no refusal is logged, and told as INTERNAL."""
        if isinstance(error, asyncio.CancelledError):
            # The client is gone, or its deadline has passed: nobody is told.
            late = self._context.time_remaining() == 0
            self._close("DEADLINE_EXCEEDED" if late else "CANCELLED")
            raise error
        if isinstance(error, Problem):
            problem = error
        else:
            if not isinstance(error, Exception):
                raise error
            logger.error(
                "operation failed",
                exc_info=error,
                extra={"requestId": self.request_id, "operation": self._operation.id},
            )
            problem = Internal()
        desk = self._desk
        code, words, trailers = told(problem, desk.problems, desk.problem, self.request_id)
        self._context.set_code(code)
        self._context.set_details(words)
        self._context.set_trailing_metadata((*self.heads(refused=True), *trailers))
        self._close(code.name)

    def _close(self, status: str) -> None:
        call, desk = self.call, self._desk
        seconds = perf_counter() - self._began
        desk.metrics.observe(self._operation.id, "grpc", status, seconds)
        desk.log.write(
            request_id=self.request_id,
            traceparent=call.traceparent,
            protocol="grpc",
            operation=self._operation.id,
            status=status,
            seconds=seconds,
            caller=call.caller.user_id,
            address=call.address,
        )


def _address(peer: str, forwarded: str, proxies: Sequence[IPv4Network | IPv6Network]) -> str:
    """The client's address; `peer` is such as `ipv4:127.0.0.1:50321` or `ipv6:%5B::1%5D:50321`."""
    kind, _, rest = peer.partition(":")
    host = rest.rpartition(":")[0]
    direct = unquote(host).strip("[]") if kind == "ipv6" else host
    return client_address(direct, forwarded, proxies) if proxies else direct
