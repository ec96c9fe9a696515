"""Runs an ASGI application on Granian's embedded server: in our own event loop, on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import resource
import signal
import socket
from collections.abc import Awaitable, Callable

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from runtime.foreign import Asgi

# Requests under way at once. Granian takes no further connection beyond it, so that slow clients,
# whose requests stay open, must not fill it: 2,000 slow sockets are a test.
_MOST_REQUESTS = 16_384
# Open requests may finish for so long after the stop was asked for (runtime.md).
DRAIN_SECONDS = 25.0


# glibc's mallopt parameters of these names.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def lean_heap() -> None:
    """Keeps glibc to one heap for what is small; large blocks go back to the system when freed.

    A heap for each thread held 14 MB of nothing, and the index's blocks of 1 MB, once freed, 20
    more. Python's own objects live elsewhere, so threads rarely wait for the one heap. Another C
    library goes on as it does. To be called before threads start.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 512 * 1024)


def many_files() -> None:
    """Lets the process have as many open files as it may: the usual 1,024 are 1,000 sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class PortTaken(Exception):
    """Another process listens there."""


def check_port(host: str, port: int) -> None:
    """Raises PortTaken where nothing can listen on `port`; Granian would only log it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"port {port} on {host} is in use: stop that process or set --port"
                ) from None
            raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from None


async def serve(
    app: Asgi,
    host: str,
    port: int,
    *,
    start: Callable[[], Awaitable[None]],
    drain: Callable[[], None],
    part: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    ready: Callable[[], None],
) -> None:
    """Serves until SIGTERM or SIGINT; then takes no new work, lets open requests end, and stops.

    `drain` comes first: it ends the streams, which would else never end. Then `part` waits until
    the sockets' clients know, as the server lets go of their connections at once when it stops.
    """
    check_port(host, port)
    many_files()
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        backlog=4096,
        backpressure=_MOST_REQUESTS,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        log_level=LogLevels.error,
    )
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await start()
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(asked.wait())
    try:
        while not server.wrks and not serving.done():  # noqa: ASYNC110 # it has no event for it
            await asyncio.sleep(0.005)
        ready()
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if not serving.done():
            drain()
            await part()
            server.stop()
            await asyncio.wait({serving}, timeout=DRAIN_SECONDS)
        await stop()
