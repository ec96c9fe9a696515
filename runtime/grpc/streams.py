"""Streams from the server: one message at a time, so that who reads slowly is waited for, and
costs one.

Every stream begins with its metadata, as soon as it was let in: a client knows then that it is
heard. Between messages a stream holds what its source holds, and that is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc

from runtime.call import Call
from runtime.gate import Gate
from runtime.grpc.methods import File, Rows, Watch, parsed
from runtime.grpc.turn import Context, Desk, Turn
from runtime.inputs import Inputs
from runtime.operation import Operation
from runtime.problem import BodyTooLarge, Unavailable

# Seconds that one message may wait for its reader.
PATIENCE = 30.0
# What is asked once more after so many seconds, as two reads over a wire may overtake each other.
_AGAIN = 1.0
_PAGE = 200

Streaming = Callable[[bytes, Context], Awaitable[None]]


class Streams:
    """Makes the handlers of all methods that stream."""

    def __init__(self, gate: Gate, inputs: Mapping[str, Inputs], desk: Desk) -> None:
        self._gate = gate
        self._inputs = inputs
        self._desk = desk

    # --- from the server --------------------------------------------------------------------------

    def rows(self, method: Rows) -> Streaming:
        """Page after page of the list, each read when the one before has been taken."""
        operation, lists = method.operation, method.lists
        run, page_of = self._gate.chain(operation), self._gate.chain(lists)
        read = self._inputs[operation.id].read

        async def rows(raw: bytes, context: Context) -> None:
            turn = Turn(self._desk, operation, context)
            call = turn.call
            try:
                await admitted(self._gate, turn, len(raw))
                values = method.read(parsed(method.request, raw))
                # The operation's own checks; the file that it would write is not wanted.
                await _dropped(await run(call, read(call, values)))
                await context.send_initial_metadata(turn.heads())
                asked = follow(call, lists)
                token: str | None = None
                while True:
                    page = {"page_size": _PAGE, "page_token": token, "sort": method.sort}
                    answer = await page_of(
                        asked, self._inputs[lists.id].read(asked, {**values, **page})
                    )
                    for item in answer.items:
                        await sent(context, method.pack(item))
                    token = answer.next_page_token
                    if token is None:
                        break
            except BaseException as error:
                turn.refuse(error)
                return
            turn.answered()

        return rows

    def watch(self, method: Watch) -> Streaming:
        """What is watched, until the session or the access ends."""
        operation = method.operation
        source = self._gate.watching(operation)
        current = self._gate.chain(operation) if method.first else None
        read = self._inputs[operation.id].read

        async def watch(raw: bytes, context: Context) -> None:
            turn = Turn(self._desk, operation, context)
            call = turn.call
            try:
                await admitted(self._gate, turn, len(raw))
                arguments = read(call, method.read(parsed(method.request, raw)))
                about = {name: arguments[name] for name in method.arguments}
                changes = await source(call, about)
                if current is not None:
                    changes = _from_now_on(changes, lambda: current(call, arguments))
                await context.send_initial_metadata(turn.heads())
                async with aclosing(changes) as items:
                    async for item in items:
                        await sent(context, method.pack(item))
                await ended(self._gate, call)
                if current is not None:
                    await current(call, arguments)
                raise Unavailable("The stream has ended: open it again.", retry_after=1)
            except BaseException as error:
                turn.refuse(error)

        return watch

    def give_file(self, method: File) -> Streaming:
        """The file as it is, to another service."""
        operation = method.operation
        run, read = self._gate.chain(operation), self._inputs[operation.id].read

        async def give(raw: bytes, context: Context) -> None:
            turn = Turn(self._desk, operation, context)
            call = turn.call
            try:
                turn.vouched()
                await self._gate.admit(call)
                values = method.read(parsed(method.request, raw))
                chunks = await run(call, read(call, values))
                await context.send_initial_metadata(turn.heads())
                async with aclosing(chunks) as open_chunks:
                    async for chunk in open_chunks:
                        await sent(context, chunk)
            except BaseException as error:
                turn.refuse(error)
                return
            turn.answered()

        return give


async def admitted(gate: Gate, turn: Turn, size: int) -> None:
    """Who asks is let in, with a first message of so many bytes. Raises the refusal."""
    turn.identify()
    await gate.admit(turn.call)
    if size > turn.call.operation.body_limit:
        raise BodyTooLarge(f"The message may have {turn.call.operation.body_limit} bytes.")


def follow(call: Call, operation: Operation | None = None) -> Call:
    """Another call of who made `call`: of the same operation, unless one is given."""
    made = Call(
        operation or call.operation,
        "grpc",
        call.request_id,
        token=call.token,
        address=call.address,
        traceparent=call.traceparent,
    )
    made.inside, made.vouched, made.caller = call.inside, call.vouched, call.caller
    return made


async def ended(gate: Gate, call: Call) -> None:
    """Raises what the caller would be told now: the session may have ended."""
    await gate.admit(follow(call))


async def sent(context: Context, message: bytes) -> None:
    """Hands a message over; returns when the client's window has room for the next."""
    try:
        async with asyncio.timeout(PATIENCE):
            await context.write(message)
    except TimeoutError:
        raise Unavailable("The client reads too slowly.", retry_after=1) from None
    except grpc.aio.UsageError:
        # The rpc is over: the client went, and we are cancelled before long.
        raise asyncio.CancelledError from None


async def _dropped(chunks: Any) -> None:
    """A file that nobody reads."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


async def _from_now_on(
    changes: AsyncGenerator[Any, None], current: Callable[[], Awaitable[Any]]
) -> AsyncGenerator[Any, None]:
    """What it is now, then each newer version: it listens before it looks, so none is missed."""
    following = asyncio.ensure_future(anext(changes))
    try:
        await asyncio.sleep(0)
        shown = await current()
        yield shown
        done, _ = await asyncio.wait({following}, timeout=_AGAIN)
        if not done:
            newer = await current()
            if newer.version > shown.version:
                shown = newer
                yield shown
        while True:
            try:
                item = await following
            except StopAsyncIteration:
                return
            following = asyncio.ensure_future(anext(changes))
            if item.version > shown.version:
                shown = item
                yield shown
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await changes.aclose()
