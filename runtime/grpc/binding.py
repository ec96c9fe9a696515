"""The generated methods as grpc.aio's handlers: admit, parse, read, run the chain, pack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from runtime.gate import Gate
from runtime.grpc.incoming import Incoming
from runtime.grpc.methods import (
    Collect,
    Converse,
    File,
    Internal,
    Method,
    Rows,
    Unary,
    Watch,
    parsed,
)
from runtime.grpc.streams import Streams
from runtime.grpc.turn import Context, Desk, Turn
from runtime.inputs import Inputs
from runtime.problem import BodyTooLarge, DeadlineExceeded

# What answers between services: an internal operation's handler, by its id.
Answering = Mapping[str, Callable[..., Awaitable[Any]]]


class Methods(grpc.GenericRpcHandler):
    """Finds an rpc's handler by its path; what is not here is UNIMPLEMENTED."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        *,
        gate: Gate,
        inputs: Mapping[str, Inputs],
        answering: Answering,
        desk: Desk,
    ) -> None:
        self._gate = gate
        self._inputs = inputs
        self._answering = answering
        self._desk = desk
        self._streams = Streams(gate, inputs, desk)
        self._incoming = Incoming(gate, inputs, desk)
        self._handlers = {
            path: self._handler(method)
            for path, method in methods.items()
            # What other services ask of one that does not run here is not offered.
            if not isinstance(method, Internal) or method.operation.id in answering
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of the method that is asked for."""
        return self._handlers.get(handler_call_details.method)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        # Without (de)serializers messages come and go as bytes.
        streams, incoming = self._streams, self._incoming
        match method:
            case Unary():
                return grpc.unary_unary_rpc_method_handler(self._unary(method))
            case Internal():
                return grpc.unary_unary_rpc_method_handler(self._internal(method))
            case Rows():
                return grpc.unary_stream_rpc_method_handler(streams.rows(method))
            case Watch():
                return grpc.unary_stream_rpc_method_handler(streams.watch(method))
            case Collect():
                return grpc.stream_unary_rpc_method_handler(incoming.collect(method))
            case Converse():
                return grpc.stream_stream_rpc_method_handler(incoming.converse(method))
            case File(takes=True):
                return grpc.stream_unary_rpc_method_handler(incoming.take_file(method))
            case File():
                return grpc.unary_stream_rpc_method_handler(streams.give_file(method))

    def _unary(self, method: Unary) -> Callable[[bytes, Context], Awaitable[bytes]]:
        operation, request, read, pack = (
            *(method.operation, method.request),
            *(method.read, method.pack),
        )
        desk, admit, run = self._desk, self._gate.admit, self._gate.chain(operation)
        inputs = self._inputs[operation.id].read
        limit = operation.body_limit

        async def unary(raw: bytes, context: Context) -> bytes:
            turn = Turn(desk, operation, context)
            call = turn.call
            try:
                turn.identify()
                await admit(call)
                if len(raw) > limit:
                    raise BodyTooLarge(f"The message may have {limit} bytes.")
                answer = await run(call, inputs(call, read(parsed(request, raw))))
                packed = pack(answer)
            except BaseException as error:
                turn.refuse(error)
                return b""
            turn.answered()
            return packed

        return unary

    def _internal(self, method: Internal) -> Callable[[bytes, Context], Awaitable[bytes]]:
        desk, operation, ask = self._desk, method.operation, self._answering[method.operation.id]

        async def internal(raw: bytes, context: Context) -> bytes:
            turn = Turn(desk, operation, context)
            try:
                turn.vouched()
                arguments = method.read(parsed(method.request, raw))
                async with asyncio.timeout(operation.deadline):
                    packed = method.pack(await ask(**arguments))
            except TimeoutError:
                turn.refuse(DeadlineExceeded("It took longer than allowed.", retry_after=1))
                return b""
            except BaseException as error:
                turn.refuse(error)
                return b""
            turn.answered()
            return packed

        return internal
