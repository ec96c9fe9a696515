"""Streams from the client, and both ways: what comes is taken as fast as it is worked on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from runtime.gate import Gate
from runtime.grpc.methods import MEDIA, Collect, Converse, File, parsed
from runtime.grpc.streams import PATIENCE, admitted, ended, follow, sent
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

# A client that goes away looks at first as one that has said all: so many seconds it is waited for
# the difference to show.
_DOUBT = 0.02

Collecting = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]
Conversing = Callable[[AsyncIterator[bytes], Context], Awaitable[None]]
Arguments = Mapping[str, Any]


class Incoming:
    """Makes the handlers of all methods that clients stream to."""

    def __init__(self, gate: Gate, inputs: Mapping[str, Inputs], desk: Desk) -> None:
        self._gate = gate
        self._inputs = inputs
        self._desk = desk

    def collect(self, method: Collect) -> Collecting:
        """Rows as lines of JSON, for the handler that takes a file."""
        operation = method.operation
        run, read = self._gate.chain(operation), self._inputs[operation.id].read

        async def collect(requests: AsyncIterator[bytes], context: Context) -> bytes:
            turn = Turn(self._desk, operation, context)
            call = turn.call
            try:
                await admitted(self._gate, turn, 0)
                first = await first_of(requests, operation.deadline)
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
                first = await first_of(requests, operation.deadline)
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
                        said = follow(call, method.sends)
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
                        await sent(context, method.pack(item))
                await ended(self._gate, call)
                raise Unavailable("The stream has ended: open it again.", retry_after=1)

            try:
                await admitted(self._gate, turn, 0)
                raw = await first_of(requests, PATIENCE)
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
                await _both(hear(changes), lambda: talk(values, about))
            except BaseException as error:
                turn.refuse(error)

        return converse


async def _both(hearing: Awaitable[None], talking: Callable[[], Awaitable[None]]) -> None:
    """Until the hearing ends, or the talking fails: a client that has said all still listens."""
    ears = asyncio.ensure_future(hearing)
    each = [ears]
    try:
        # The ears first: what the client says itself, it hears.
        await asyncio.sleep(0)
        mouth = asyncio.ensure_future(talking())
        each.append(mouth)
        await asyncio.wait(each, return_when=asyncio.FIRST_COMPLETED)
        if not ears.done():
            mouth.result()
        await ears
    finally:
        for task in each:
            task.cancel()
        await asyncio.gather(*each, return_exceptions=True)


async def first_of(requests: AsyncIterator[bytes], seconds: float) -> bytes | None:
    """The first message; None where the client has nothing to say. Raises DeadlineExceeded."""
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
