"""The gRPC server: grpc.aio on our own event loop, with health and reflection."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from runtime.grpc.binding import Methods
from runtime.serve import DRAIN_SECONDS, PortTaken

# A message beyond it is refused by the transport, without a Problem; up to it the operation's own
# limit speaks.
_MOST_MESSAGE = 4 << 20
_MOST_METADATA = 16 << 10
# Rpcs at once: more are told RESOURCE_EXHAUSTED. As many as HTTP's requests (runtime/serve.py).
_MOST_RPCS = 16_384
_MOST_STREAMS = 2_000

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", _MOST_MESSAGE),
    ("grpc.max_metadata_size", _MOST_METADATA),
    ("grpc.absolute_max_metadata_size", 2 * _MOST_METADATA),
    ("grpc.max_concurrent_streams", _MOST_STREAMS),
    # Two servers on one port would share its clients by chance.
    ("grpc.so_reuseport", 0),
    # A client that is gone without a word is found within a minute and a half.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Clients may ask as often as every 10 s whether we are here.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 3),
    ("grpc.max_connection_idle_ms", 15 * 60_000),
)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where gRPC listens. `plaintext`: also where others could listen on the wire."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    plaintext: bool = False

    @property
    def address(self) -> str:
        """The host that is listened on: without a certificate the loopback's, unless told."""
        if self.certificate is not None or self.plaintext or is_loopback(self.host):
            return self.host
        return "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class GrpcServer:
    """Serves `methods`; `services` are those that health and reflection tell of."""

    def __init__(self, methods: Methods, services: tuple[str, ...], listening: Listening) -> None:
        self._methods = methods
        self._services = services
        self._listening = listening
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.port = 0

    def __str__(self) -> str:
        where = self._listening
        more = " (TLS)" if where.certificate is not None else ""
        if where.address != where.host:
            more = ", the loopback alone: it has no certificate (GRPC_TLS_CERT, GRPC_PLAINTEXT)"
        return f"{where.address}:{self.port}{more}"

    async def start(self) -> None:
        """Listens; `port` then says where. Raises PortTaken."""
        where = self._listening
        server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=_MOST_RPCS)
        server.add_generic_rpc_handlers((self._methods,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        named = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(named, server)
        host = f"[{where.address}]" if ":" in where.address else where.address
        address = f"{host}:{where.port}"
        try:
            if where.certificate is not None and where.key is not None:
                pair = (where.key.read_bytes(), where.certificate.read_bytes())
                self.port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
            else:
                self.port = server.add_insecure_port(address)
        except RuntimeError:
            raise PortTaken(
                f"port {where.port} on {where.address} is in use: stop that process or set "
                "--grpc-port"
            ) from None
        await server.start()
        self._server = server
        for service in self._services:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float = DRAIN_SECONDS) -> None:
        """Takes no new rpc, lets open ones end for `grace` seconds, and closes."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(grace)
            self._server = None
