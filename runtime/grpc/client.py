"""One other service, over gRPC: what the generated clients ask by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from runtime.call import Call
from runtime.grpc.methods import FILE, MEDIA
from runtime.grpc.status import understood
from runtime.grpc.trust import Vouchers
from runtime.grpc.turn import ADDRESS, USER_AGENT, VOUCHER
from runtime.operation import Operation
from runtime.problem import PLATFORM_PROBLEMS, Problem
from runtime.trace import CURRENT, request_id
from runtime.upload import Upload

M = TypeVar("M", bound=Message)

_OPTIONS: tuple[tuple[str, Any], ...] = (
    # What one of our own services answers is as large as it is.
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
# What it is sent on one frame of a file: HTTP/2 cuts it anyhow.
_FRAME = 256 * 1024


def channel(target: str, *, tls: bool = False) -> grpc.aio.Channel:
    """A channel to `target`, such as `budget:50051`; it connects when it is first used."""
    if tls:
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS)
    return grpc.aio.insecure_channel(target, options=_OPTIONS)


class Remote:
    """Asks one service. What it refuses is raised as the Problem that it raised there.

    The caller goes along by its token, or by our word where it has none; so do the request's id,
    its trace, its address, and the operation's deadline. Who stops waiting stops the work there.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        vouchers: Vouchers,
        refusals: Mapping[str, type[Problem]],
        problem: type[Message],
    ) -> None:
        self._channel = channel
        self._vouchers = vouchers
        # The platform's own are raised by the names that it catches them by.
        self._refusals = {**refusals, **{each.code: each for each in PLATFORM_PROBLEMS}}
        self._problem = problem
        self._asking: dict[str, Any] = {}

    async def ask(self, path: str, request: Message, answer: type[M], call: Call) -> M:
        """What the operation answers. Raises its refusal."""
        return await self._unary(path, request, answer, call.operation, self._for(call))

    async def ask_inside(
        self, path: str, request: Message, answer: type[M], operation: Operation
    ) -> M:
        """What an internal operation answers: it is asked in nobody's name."""
        return await self._unary(path, request, answer, operation, self._for_us(operation))

    async def _unary(
        self,
        path: str,
        request: Message,
        answer: type[M],
        operation: Operation,
        metadata: tuple[tuple[str, str], ...],
    ) -> M:
        ask = self._asking.get(path)
        if ask is None:
            ask = self._asking[path] = self._channel.unary_unary(
                path,
                request_serializer=_serialized,
                response_deserializer=answer.FromString,
            )
        try:
            told: M = await ask(request, timeout=operation.deadline, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise self._refusal(error) from None
        return told

    async def download(self, path: str, request: Message, call: Call) -> AsyncIterator[bytes]:
        """The file that the operation answers, as its handler writes it. Raises its refusal."""
        open_stream: Any = self._channel.unary_stream(path + FILE, request_serializer=_serialized)
        asking = open_stream(request, metadata=self._for(call))
        try:
            first = await asking.read()
        except grpc.aio.AioRpcError as error:
            raise self._refusal(error) from None
        return self._chunks(asking, first)

    async def _chunks(self, asking: Any, chunk: Any) -> AsyncIterator[bytes]:
        try:
            while chunk is not grpc.aio.EOF:
                yield chunk
                chunk = await asking.read()
        except grpc.aio.AioRpcError as error:
            raise self._refusal(error) from None
        finally:
            asking.cancel()

    async def upload(
        self, path: str, start: Message, answer: type[M], call: Call, body: Upload
    ) -> M:
        """What the operation answers to a file. Raises its refusal."""

        async def frames() -> AsyncIterator[bytes]:
            yield start.SerializeToString()
            async for chunk in body.chunks:
                for at in range(0, len(chunk), _FRAME):
                    yield chunk[at : at + _FRAME]

        metadata = (*self._for(call), (MEDIA, body.media))
        asking: Any = self._channel.stream_unary(
            path + FILE, response_deserializer=answer.FromString
        )
        try:
            told: M = await asking(frames(), timeout=call.operation.deadline, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise self._refusal(error) from None
        return told

    def _for(self, call: Call) -> tuple[tuple[str, str], ...]:
        caller = call.caller if call.token is None and call.caller.user_id else None
        metadata = [
            ("x-request-id", call.request_id),
            ("traceparent", call.traceparent),
            (
                VOUCHER,
                self._vouchers.issue(call.operation.id, caller, forwarded=call.forwarded),
            ),
            (ADDRESS, call.address),
            (USER_AGENT, call.user_agent.encode("ascii", "replace").decode("ascii")),
        ]
        if call.token is not None:
            metadata.append(("authorization", f"Bearer {call.token}"))
        return tuple((key, value) for key, value in metadata if value)

    def _for_us(self, operation: Operation) -> tuple[tuple[str, str], ...]:
        return (
            ("x-request-id", request_id(None)),
            ("traceparent", CURRENT.get()),
            (VOUCHER, self._vouchers.issue(operation.id)),
        )

    def _refusal(self, error: grpc.aio.AioRpcError) -> Problem:
        return understood(error, self._refusals, self._problem)


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
