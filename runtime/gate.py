"""The pipeline: what every call passes, whatever protocol it came by.

`admit` (identity → rate limit → scope) runs before anything is decoded, so that a stranger costs no
parsing; `chain` (access → idempotency → deadline → handler) runs on the decoded arguments. A step
that an operation does not need is not in its chain.

Long because what every call passes is read in one place, in its order.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
)
from time import monotonic
from types import coroutine
from typing import Any, Protocol

from runtime.call import ANONYMOUS, Call, Caller
from runtime.idempotency import Arguments, Chain, Idempotency
from runtime.operation import AccessRule, Operation, RateRule
from runtime.ports import Store
from runtime.problem import (
    DeadlineExceeded,
    EmailUnverified,
    Forbidden,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from runtime.ratelimit import Limiter, Verdict, address_key
from runtime.reads import READS, Reads
from runtime.trace import CURRENT

Handler = Callable[..., Coroutine[Any, Any, Any]]
Level = Callable[[Caller, str], Awaitable[str | None]]
Watch = Callable[..., AsyncGenerator[Any, None]]

# Verified tokens that are remembered: 97 µs to verify one, 1 to remember it (measured).
_MOST_TOKENS = 20_000


class Identities(Protocol):
    """Who a token belongs to: asked once a token, remembered until it expires or is forgotten."""

    async def identify(self, token: str) -> tuple[Caller, float]:
        """The caller, and for how many seconds that holds. Raises Unauthenticated."""
        ...

    async def redeem(self, ticket: str) -> Caller:
        """The caller that a one-time ticket was made for; good once. Raises Unauthenticated."""
        ...

    async def resume(self, session_id: str) -> Caller:
        """The caller behind a session, as it is now. Raises Unauthenticated once it has ended."""
        ...


class SharedLimits(Protocol):
    """Rate limits that several processes count together."""

    async def take(self, keys: Sequence[str], rule: RateRule) -> list[Verdict]:
        """Spends one call of each of `keys`, up to the first that has none left. Never raises."""
        ...


class KnownTokens:
    """Tokens that were verified, by their text. Revocation forgets them."""

    __slots__ = ("_by_user", "_callers", "turn")

    def __init__(self) -> None:
        self._callers: dict[str, tuple[Caller, float]] = {}
        self._by_user: dict[str, set[str]] = {}
        # How often something was forgotten: who was asked for before that is not to be remembered.
        self.turn = 0

    def get(self, token: str) -> Caller | None:
        """The caller, while the token is good."""
        known = self._callers.get(token)
        if known is None:
            return None
        if known[1] <= monotonic():
            self._drop(token)
            return None
        return known[0]

    def put(self, token: str, caller: Caller, seconds: float) -> None:
        """Remembers `token` for `seconds`."""
        if len(self._callers) >= _MOST_TOKENS:
            self._drop(next(iter(self._callers)))
        self._callers[token] = (caller, monotonic() + seconds)
        self._by_user.setdefault(caller.user_id, set()).add(token)

    def forget(self, user_id: str, session_id: str | None = None) -> None:
        """Forgets the user's tokens, or those of one session."""
        self.turn += 1
        for token in list(self._by_user.get(user_id, ())):
            known = self._callers.get(token)
            if known is None or session_id is None or known[0].session_id == session_id:
                self._drop(token)

    def forget_all(self) -> None:
        """Forgets every token: anything may have changed."""
        self.turn += 1
        self._callers.clear()
        self._by_user.clear()

    def _drop(self, token: str) -> None:
        known = self._callers.pop(token, None)
        if known is None:
            return
        tokens = self._by_user.get(known[0].user_id)
        if tokens is not None:
            tokens.discard(token)
            if not tokens:
                del self._by_user[known[0].user_id]


class Gate:
    """Composes each operation's chain once, and admits calls."""

    def __init__(
        self,
        *,
        handlers: Mapping[str, Handler],
        levels: Mapping[str, Level],
        ranks: Mapping[str, tuple[str, ...]],
        watches: Mapping[str, Watch],
        stores: Mapping[str, Store],
        results: Mapping[str, Any],
        identities: Identities,
        known: KnownTokens,
        limiter: Limiter,
        shared: SharedLimits | None = None,
        elsewhere: Collection[str] = (),
    ) -> None:
        """`shared` counts in the place of `limiter` where there are other processes.

        What services `elsewhere` do is checked, counted and remembered there: here their calls are
        known by identity and scope, and sent on.
        """
        self._elsewhere = frozenset(elsewhere)
        self._handlers = handlers
        self._levels = levels
        self._ranks = ranks
        self._watches = watches
        self._stores = stores
        self._results = results
        self._identities = identities
        self._known = known
        self._limiter = limiter
        self._shared = shared
        # (caller, key) of idempotent calls that are running in this process.
        self._running: set[tuple[str, str]] = set()

    async def admit(self, call: Call) -> None:
        """Identity, rate limit, scope. Raises the refusal; fills `call.caller` and `call.rate`."""
        CURRENT.set(call.traceparent)
        if call.inside:
            # In one process it would not come by here. Without a token its caller is named already.
            if call.token is not None:
                call.caller = self._known.get(call.token) or await self._identified(call)
            return
        operation = call.operation
        if not operation.public:
            token = call.token
            known = None if token is None else self._known.get(token)
            if known is not None:
                caller = known
            elif token is None and call.vouched and call.caller.user_id:
                caller = call.caller
            else:
                caller = await self._identified(call)
            call.caller = caller
        else:
            caller = ANONYMOUS
        if operation.service in self._elsewhere:
            pass
        elif self._shared is not None:
            await self._count_shared(call, _keys(call, caller))
        else:
            for by in operation.rate.by:
                if by == "caller":
                    self._count(call, caller.user_id or address_key(call.address))
                elif by == "address":
                    self._count(call, address_key(call.address))
        _permit(operation, caller)

    async def recheck(self, call: Call) -> None:
        """Who the connection's session is now, and whether it still may.

        For what a protocol asks again by itself: it counts as no call, so that nobody keeps what
        was taken away by having spent the allowance. Raises Unauthenticated, Forbidden and
        EmailUnverified.
        """
        call.caller = await self._identities.resume(call.session_id or "")
        _permit(call.operation, call.caller)

    async def _identified(self, call: Call) -> Caller:
        """Who a token or ticket seen for the first time belongs to; guesses count by address."""
        try:
            if call.token is not None:
                turn = self._known.turn
                caller, seconds = await self._identities.identify(call.token)
                if self._known.turn == turn:
                    self._known.put(call.token, caller, seconds)
                return caller
            if call.ticket is not None:
                return await self._identities.redeem(call.ticket)
            if call.session_id is not None:
                return await self._identities.resume(call.session_id)
            raise Unauthenticated("Send an access token.")
        except Unauthenticated:
            if self._shared is not None:
                await self._count_shared(call, [address_key(call.address)])
            else:
                self._count(call, address_key(call.address))
            raise

    def _count(self, call: Call, key: str) -> None:
        """Takes one call from the allowance of `key`; the tightest one goes into the answer."""
        _judge(call, self._limiter.take(key, call.operation.rate))

    async def _count_shared(self, call: Call, keys: Sequence[str]) -> None:
        """The same of several, together with other processes."""
        if keys and self._shared is not None:
            for verdict in await self._shared.take(keys, call.operation.rate):
                _judge(call, verdict)

    def chain(self, operation: Operation) -> Chain:
        """The steps of one operation after its arguments are decoded."""
        chain = _within(operation.deadline, self._handlers[operation.id])
        if operation.service in self._elsewhere:
            return _sent_on(chain)
        idempotency = self._idempotency(operation) if operation.idempotent else None
        if idempotency is not None:
            chain = idempotency.once(chain)
        if operation.access:
            chain = self._accessible(operation, chain)
            if idempotency is not None and self._results[operation.id] is None:
                chain = idempotency.gone(chain)
        if "account" in operation.rate.by:
            chain = self._counted(chain)
        if self._shared is not None:
            chain = _reading_once(chain)
        return chain

    def watching(
        self, operation: Operation
    ) -> Callable[[Call, Arguments], Awaitable[AsyncGenerator[Any, None]]]:
        """The steps to a stream of what `operation` would answer, as it changes; after `admit`.

        Access is checked before it begins; the stream ends when the session or the access does, and
        listens from its first step on. Its arguments are those of the Watches in services.py.
        """
        source = self._watches[operation.id]

        async def begin(call: Call, arguments: Arguments) -> AsyncGenerator[Any, None]:
            return source(call.caller, **arguments)

        return self._accessible(operation, begin) if operation.access else begin

    def _idempotency(self, operation: Operation) -> Idempotency:
        store = self._stores[operation.service]
        return Idempotency(operation, store, self._results[operation.id], self._running)

    def _counted(self, following: Chain) -> Chain:
        async def counted(call: Call, arguments: Arguments) -> Any:
            key = f"account:{arguments['body'].email.lower()}"
            if self._shared is not None:
                await self._count_shared(call, [key])
            else:
                self._count(call, key)
            return await following(call, arguments)

        return counted

    def _accessible(self, operation: Operation, following: Chain) -> Chain:
        checks = [(self._check(rule), _reader(rule.argument)) for rule in operation.access]

        async def accessible(call: Call, arguments: Arguments) -> Any:
            # What one of our services asks another is what it would be in one process: asked by
            # whoever has judged already.
            for check, read in () if call.inside else checks:
                id = read(arguments)
                if id is not None:
                    await check(call, id)
            return await following(call, arguments)

        return accessible

    def _check(self, rule: AccessRule) -> Callable[[Call, str], Awaitable[None]]:
        ask = self._levels[rule.resource]
        ranks = {level: rank for rank, level in enumerate(self._ranks[rule.resource])}
        least = ranks[rule.least]

        async def check(call: Call, id: str) -> None:
            level = await ask(call.caller, id)
            if level is None:
                raise NotFound(f"There is no such {rule.resource}.")
            if ranks[level] < least:
                raise Forbidden(f"This needs {rule.least} access.")
            if call.level is None:
                call.level = level

        return check


def _reading_once(following: Chain) -> Chain:
    """What the call reads of a cache that processes share, it reads once."""

    async def reading_once(call: Call, arguments: Arguments) -> Any:
        reads = Reads()
        READS.set(reads)
        try:
            return await following(call, arguments)
        finally:
            reads.close()
            READS.set(None)

    return reading_once


def _sent_on(chain: Chain) -> Chain:
    """The call of a user that the service it is for judges."""

    async def sent_on(call: Call, arguments: Arguments) -> Any:
        call.forwarded = True
        return await chain(call, arguments)

    return sent_on


def _keys(call: Call, caller: Caller) -> list[str]:
    """Whose calls are counted before anything is decoded."""
    address = address_key(call.address)
    by = {"caller": caller.user_id or address, "address": address}
    return [by[each] for each in call.operation.rate.by if each in by]


def _judge(call: Call, verdict: Verdict) -> None:
    """The tightest verdict goes into the answer. Raises RateLimited."""
    if call.rate is None or verdict.remaining < call.rate[0]:
        call.rate = (verdict.remaining, verdict.reset_seconds)
    if not verdict.allowed:
        raise RateLimited("Too many requests.", retry_after=verdict.retry_after)


def _within(seconds: float, handler: Handler) -> Chain:
    """Calls the handler, for `seconds` at most.

    A handler that never waits, as one that reads a cached entity, needs no timer: 6 µs (measured).
    """

    async def within(call: Call, arguments: Arguments) -> Any:
        work = handler(call, **arguments)
        try:
            waits_for = work.send(None)
        except StopIteration as done:
            return done.value
        try:
            async with asyncio.timeout(seconds):
                return await _rest(work, waits_for)
        except TimeoutError:
            raise DeadlineExceeded("It took longer than allowed.", retry_after=1) from None

    return within


@coroutine
def _rest(work: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """What is left of a coroutine that has begun, and now waits for `waits_for`."""
    while True:
        try:
            yield waits_for
            break
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:
            try:
                waits_for = work.throw(error)
            except StopIteration as done:
                return done.value
    return (yield from work)


def _permit(operation: Operation, caller: Caller) -> None:
    """Whether the scope and the address are enough. Raises Forbidden or EmailUnverified."""
    scope = operation.scope
    if scope is not None and scope not in caller.scopes:
        if scope in caller.withheld:
            raise EmailUnverified("Verify your e-mail address first.")
        raise Forbidden(f"This needs the scope {scope}.")
    if operation.verified and not caller.verified:
        raise EmailUnverified("Verify your e-mail address first.")


def _reader(argument: str) -> Callable[[Arguments], str | None]:
    """Finds the id that an access rule is about."""
    head, _, tail = argument.partition(".")
    if tail:
        return lambda arguments: getattr(arguments[head], tail)
    return lambda arguments: arguments[head]
