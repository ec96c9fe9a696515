"""The platform with its gRPC server, and a client's side of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from generated.grpc.budget_pb2 import Problem
from runtime.grpc.server import GrpcServer
from runtime.grpc.status import DETAILS, PROBLEM
from tests.rest.world import Account, World

PACKAGE = "budget.v1"


class Stage(World):
    """A world that serves gRPC too, on a port of its own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **{"grpc_port": 0, **settings})

    async def open(self) -> None:
        """Starts the platform, and listens."""
        await super().open()
        self.rpcs: GrpcServer = self.platform.rpcs()
        await self.rpcs.start()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.rpcs.port}")

    async def close(self) -> None:
        """Stops both."""
        await self.channel.close()
        await self.rpcs.stop(0)
        await super().close()

    async def ask(
        self,
        caller: Account | None,
        method: str,
        request: Message | bytes,
        answer: type[Message],
        **metadata: str,
    ) -> Any:
        """One unary rpc: `ask(ann, "BudgetService/GetBudget", …)`. Raises grpc.aio.AioRpcError."""
        asking: Any = self.channel.unary_unary(
            f"/{PACKAGE}.{method}",
            request_serializer=raw,
            response_deserializer=answer.FromString,
        )
        return await asking(request, metadata=signed(caller, metadata), timeout=20)

    def stream(
        self,
        caller: Account | None,
        method: str,
        request: Message | bytes,
        answer: type[Message],
        **metadata: str,
    ) -> Any:
        """A stream from the server."""
        asking: Any = self.channel.unary_stream(
            f"/{PACKAGE}.{method}",
            request_serializer=raw,
            response_deserializer=answer.FromString,
        )
        return asking(request, metadata=signed(caller, metadata))

    def collect(
        self, caller: Account | None, method: str, answer: type[Message], **metadata: str
    ) -> Any:
        """A stream from the client: write, then await it."""
        asking: Any = self.channel.stream_unary(
            f"/{PACKAGE}.{method}",
            request_serializer=raw,
            response_deserializer=answer.FromString,
        )
        return asking(metadata=signed(caller, metadata))

    def talk(
        self, caller: Account | None, method: str, answer: type[Message], **metadata: str
    ) -> Any:
        """A stream both ways."""
        asking: Any = self.channel.stream_stream(
            f"/{PACKAGE}.{method}",
            request_serializer=raw,
            response_deserializer=answer.FromString,
        )
        return asking(metadata=signed(caller, metadata))


def raw(message: Message | bytes) -> bytes:
    """What goes on the wire."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def signed(caller: Account | None, metadata: Mapping[str, str]) -> list[tuple[str, str]]:
    """The caller's token, and more metadata: `x_request_id` is x-request-id."""
    found = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    if caller is not None:
        found.append(("authorization", f"Bearer {caller.access}"))
    return found


def problem(error: grpc.aio.AioRpcError) -> Problem:
    """The contract's Problem that a refusal carries."""
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers.get(PROBLEM)
    assert isinstance(packed, bytes), f"{error.code()} {error.details()} has no problem"
    return Problem.FromString(packed)


def code(error: grpc.aio.AioRpcError) -> str:
    """The problem's code."""
    return problem(error).code


def pointers(error: grpc.aio.AioRpcError) -> list[str]:
    """Where the input is wrong, as REST says it."""
    return [each.pointer for each in problem(error).errors]


def details(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """google.rpc's details, by the name of their kind."""
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers[DETAILS]
    assert isinstance(packed, bytes)
    status = status_pb2.Status.FromString(packed)
    assert status.code == error.code().value[0]
    found: dict[str, Any] = {}
    for each in status.details:
        name = each.TypeName().rpartition(".")[2]
        found[name] = getattr(error_details_pb2, name)()
        assert each.Unpack(found[name])
    return found
