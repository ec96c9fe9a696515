"""One call of one operation, whatever protocol it came by, and who makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.operation import Operation
    from runtime.ports import Remember


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `scopes` are what the role gives now; an unverified address leaves the user role's
    only.
    """

    user_id: str
    session_id: str
    role: str
    scopes: frozenset[str]
    verified: bool
    # What the role would give were the address verified: tells 403 email-unverified from 403
    # forbidden.
    withheld: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether the caller counts as owner of everything (contract.md, Who may do what)."""
        return self.role == "admin" and self.verified


ANONYMOUS = Caller("", "", "", frozenset(), verified=False)


class Call:
    """The protocol-neutral envelope of a call. The gate fills `caller` and `level`."""

    __slots__ = (
        "address",
        "caller",
        "forwarded",
        "idempotency_key",
        "if_version",
        "inside",
        "level",
        "operation",
        "pending",
        "protocol",
        "rate",
        "request_id",
        "session_id",
        "ticket",
        "token",
        "traceparent",
        "user_agent",
        "vouched",
    )

    def __init__(
        self,
        operation: Operation,
        protocol: str,
        request_id: str,
        *,
        token: str | None = None,
        address: str = "",
        user_agent: str = "",
        traceparent: str = "",
        idempotency_key: str | None = None,
        if_version: int | None = None,
    ) -> None:
        self.operation = operation
        self.protocol = protocol
        self.request_id = request_id
        self.token = token
        # A one-time ticket in place of the token, where the operation takes one.
        self.ticket: str | None = None
        # The session that signed a connection in: its later calls need no token as long as it
        # stands. Only a protocol that has identified it sets this.
        self.session_id: str | None = None
        self.address = address
        self.user_agent = user_agent
        self.traceparent = traceparent
        self.idempotency_key = idempotency_key
        self.if_version = if_version
        self.caller: Caller = ANONYMOUS
        # Whether another service of ours makes it, which has admitted and counted what it is for.
        self.inside = False
        # Whether another process of ours has said who calls, where there is no token.
        self.vouched = False
        # Whether it is sent on to the service that does it, to be judged there.
        self.forwarded = False
        # The caller's level on the resource of the operation's first access rule, once access is
        # checked.
        self.level: str | None = None
        # The idempotency record to commit with the entity; set by the gate when the call carries a
        # key.
        self.pending: Remember | None = None
        # (remaining, reset seconds) of the tightest rate limit, for the answer's headers.
        self.rate: tuple[int, float] | None = None

    def remember(self, answer: Any) -> Remember | None:
        """The change that keeps `answer` for a repeated key; None when the call has no key.

        Commit it together with the effect: `store.commit(Insert(e), call.remember(e))`.
        """
        if self.pending is not None:
            self.pending.answer = answer
            self.pending.kept = True
        return self.pending
