"""Streams over gRPC: one message at a time, so that who reads slowly is waited for, and costs one.

Every stream begins with its metadata, as soon as it was let in: a client knows then that it is
heard. Between messages a stream holds what its source holds, and that is bounded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc

from runtime.call import Call
from runtime.gate import Gate
from runtime.grpc.methods import MEDIA, Collect, Converse, File, Rows, Watch, parsed
from runtime.grpc.turn import Context, Desk, Turn
from runtime.inputs import Inputs
from runtime.problem import (
    BodyTooLarge,
    DeadlineExceeded,
    InputError,
    InvalidInput,
    MalformedRequest,
    Unavailable,
)
from runtime.upload import Upload

# Seconds that one message may wait for its reader.
PATIENCE = 30.0
# A client that goes away looks at first as one that has said all: so long it is waited for the
# difference to show.
_DOUBT = 0.02
# What is asked once more after so many seconds, as two reads over a wire may overtake each other.
_AGAIN = 1.0
_PAGE = 200

Streaming = Callable[[bytes, Context], Awaitable[None]]
Collecting = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]
Conversing = Callable[[AsyncIterator[bytes], Context], Awaitable[None]]
Arguments = Mapping[str, Any]


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
                await self._admitted(turn, len(raw))
                values = method.read(parsed(method.request, raw))
                # The operation's own checks; the file that it would write is not wanted.
                await _dropped(await run(call, read(call, values)))
                await context.send_initial_metadata(turn.heads())
                asked = Call(lists, "grpc", call.request_id, traceparent=call.traceparent)
                asked.caller = call.caller
                token: str | None = None
                while True:
                    page = {"page_size": _PAGE, "page_token": token, "sort": method.sort}
                    answer = await page_of(
                        asked, self._inputs[lists.id].read(asked, {**values, **page})
                    )
                    for item in answer.items:
                        await _sent(context, method.pack(item))
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
                await self._admitted(turn, len(raw))
                arguments = read(call, method.read(parsed(method.request, raw)))
                about = {name: arguments[name] for name in method.arguments}
                changes = await source(call, about)
                if current is not None:
                    changes = _from_now_on(changes, lambda: current(call, arguments))
                await context.send_initial_metadata(turn.heads())
                async with aclosing(changes) as items:
                    async for item in items:
                        await _sent(context, method.pack(item))
                await self._ended(call)
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
                        await _sent(context, chunk)
            except BaseException as error:
                turn.refuse(error)
                return
            turn.answered()

        return give

    # --- from the client --------------------------------------------------------------------------

    def collect(self, method: Collect) -> Collecting:
        """Rows as lines of JSON, for the handler that takes a file."""
        operation = method.operation
        run, read = self._gate.chain(operation), self._inputs[operation.id].read

        async def collect(requests: AsyncIterator[bytes], context: Context) -> bytes:
            turn = Turn(self._desk, operation, context)
            call = turn.call
            try:
                await self._admitted(turn, 0)
                first = await _first(requests, operation.deadline)
                start: Any = None if first is None else parsed(method.request, first)
                if start is None or not start.HasField(method.start):
                    raise MalformedRequest("The first message says where the rows go.")
                values = method.read(getattr(start, method.start))
                values["body"] = Upload(method.media, self._lines(method, requests))
                packed = method.pack(await run(call, read(call, values)))
            except BaseException as error:
                turn.refuse(error)
                return b""
            turn.answered()
            return packed

        return collect

    async def _lines(self, method: Collect, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        most = method.operation.body_limit
        size = 0
        async for raw in requests:
            size += len(raw)
            if size > most:
                raise BodyTooLarge(f"The rows may have {most} bytes.")
            message = parsed(method.request, raw)
            if not message.HasField(method.row):
                raise MalformedRequest("After the first message, each has a row.")
            yield json.dumps(method.read_row(getattr(message, method.row))).encode() + b"\n"
        await asyncio.sleep(_DOUBT)

    def take_file(self, method: File) -> Collecting:
        """The file as it is, from another service."""
        operation = method.operation
        run, read = self._gate.chain(operation), self._inputs[operation.id].read

        async def take(requests: AsyncIterator[bytes], context: Context) -> bytes:
            turn = Turn(self._desk, operation, context)
            call = turn.call
            try:
                turn.vouched()
                await self._gate.admit(call)
                first = await _first(requests, operation.deadline)
                if first is None:
                    raise MalformedRequest("The first message says where the file goes.")
                start: Any = parsed(method.request, first)
                values = method.read(getattr(start, method.start))
                body = _bounded(requests, operation.body_limit)
                values["body"] = Upload(turn.header(MEDIA), body)
                packed = method.pack(await run(call, read(call, values)))
            except BaseException as error:
                turn.refuse(error)
                return b""
            turn.answered()
            return packed

        return take

    # --- both ways --------------------------------------------------------------------------------

    def converse(self, method: Converse) -> Conversing:
        """Hears what is said, and says what the client says; each is a call of its own."""
        operation = method.operation
        source, read = self._gate.watching(operation), self._inputs[operation.id].read
        say = self._gate.chain(method.sends)
        read_said = self._inputs[method.sends.id].read

        async def converse(requests: AsyncIterator[bytes], context: Context) -> None:
            turn = Turn(self._desk, operation, context)
            call = turn.call

            async def talk(first: dict[str, Any], about: Arguments) -> None:
                values = first
                while True:
                    if "body" in values:
                        said = _another(method, call)
                        await self._gate.admit(said)
                        await say(said, read_said(said, values))
                    raw = await anext(requests, None)
                    if raw is None:
                        return
                    if len(raw) > method.sends.body_limit:
                        raise BodyTooLarge(f"A message may have {method.sends.body_limit} bytes.")
                    values = method.read(parsed(method.request, raw))
                    for name, value in about.items():
                        if (values.get(name) or value) != value:
                            raise InvalidInput(
                                errors=[InputError(f"path:{name}", "const", "is not the stream's")]
                            )
                        values[name] = value

            async def hear(changes: AsyncGenerator[Any, None]) -> None:
                async with aclosing(changes) as items:
                    async for item in items:
                        await _sent(context, method.pack(item))
                await self._ended(call)
                raise Unavailable("The stream has ended: open it again.", retry_after=1)

            try:
                await self._admitted(turn, 0)
                raw = await _first(requests, PATIENCE)
                if raw is None:
                    raise MalformedRequest("The first message says what the talk is about.")
                if len(raw) > method.sends.body_limit:
                    raise BodyTooLarge(f"A message may have {method.sends.body_limit} bytes.")
                values = method.read(parsed(method.request, raw))
                known = {name: values.get(name) for name in method.arguments}
                arguments = read(call, known)
                about = {name: arguments[name] for name in method.arguments}
                changes = await source(call, about)
                await context.send_initial_metadata(turn.heads())
                await _both(hear(changes), talk(values, about))
            except BaseException as error:
                turn.refuse(error)

        return converse

    # --- what they share --------------------------------------------------------------------------

    async def _admitted(self, turn: Turn, size: int) -> None:
        turn.identify()
        await self._gate.admit(turn.call)
        if size > turn.call.operation.body_limit:
            raise BodyTooLarge(f"The message may have {turn.call.operation.body_limit} bytes.")

    async def _ended(self, call: Call) -> None:
        """Raises what the caller would be told now: the session may have ended."""
        again = Call(
            call.operation,
            "grpc",
            call.request_id,
            token=call.token,
            address=call.address,
            traceparent=call.traceparent,
        )
        again.inside, again.caller = call.inside, call.caller
        await self._gate.admit(again)


def _another(method: Converse, call: Call) -> Call:
    """The call that one message of a talk makes."""
    said = Call(
        method.sends,
        "grpc",
        call.request_id,
        token=call.token,
        address=call.address,
        traceparent=call.traceparent,
    )
    said.inside, said.caller = call.inside, call.caller
    return said


async def _both(hearing: Awaitable[None], talking: Awaitable[None]) -> None:
    """Until the hearing ends, or the talking fails: a client that has said all still listens."""
    ears = asyncio.ensure_future(hearing)
    # The ears first: what the client says itself, it hears.
    await asyncio.sleep(0)
    mouth = asyncio.ensure_future(talking)
    try:
        await asyncio.wait({ears, mouth}, return_when=asyncio.FIRST_COMPLETED)
        if not ears.done():
            mouth.result()
        await ears
    finally:
        ears.cancel()
        mouth.cancel()
        await asyncio.gather(ears, mouth, return_exceptions=True)


async def _sent(context: Context, message: bytes) -> None:
    """Hands a message over; returns when the client's window has room for the next."""
    try:
        async with asyncio.timeout(PATIENCE):
            await context.write(message)
    except TimeoutError:
        raise Unavailable("The client reads too slowly.", retry_after=1) from None
    except grpc.aio.UsageError:
        # The rpc is over: the client went, and we are cancelled before long.
        raise asyncio.CancelledError from None


async def _first(requests: AsyncIterator[bytes], seconds: float) -> bytes | None:
    try:
        async with asyncio.timeout(seconds):
            return await anext(requests, None)
    except TimeoutError:
        raise DeadlineExceeded("The first message did not come.", retry_after=1) from None


async def _bounded(requests: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    size = 0
    async for raw in requests:
        size += len(raw)
        if size > most:
            raise BodyTooLarge(f"The file may have {most} bytes.")
        yield raw
    await asyncio.sleep(_DOUBT)


async def _dropped(chunks: Any) -> None:
    """A file that nobody reads."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


async def _from_now_on(
    changes: AsyncGenerator[Any, None], current: Callable[[], Awaitable[Any]]
) -> AsyncGenerator[Any, None]:
    """What it is now, then each newer version: it listens before it looks, so none falls between."""
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
