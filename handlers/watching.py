"""What a client hears while it is connected: live messages, while its session stands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from generated.models import SessionState
from handlers.live import IDENTITY, concerns
from runtime.call import Caller
from runtime.ports import Fanout
from runtime.problem import NotFound, Problem

# Seconds between signs of life (contract), and between looks at the session.
HEARTBEAT = 15.0

Messages = AsyncGenerator[tuple[str, bytes] | None, None]


class SessionChecks(Protocol):
    """What only the auth service knows of a session."""

    async def check_session(self, *, session_id: str) -> SessionState:
        """Who is behind it. Raises NotFound when it is revoked or expired."""
        ...


class Watching:
    """Opens what clients listen by."""

    def __init__(
        self, *, fanout: Fanout, sessions: SessionChecks, heartbeat: float = HEARTBEAT
    ) -> None:
        self._fanout = fanout
        self._sessions = sessions
        self._heartbeat = heartbeat

    @asynccontextmanager
    async def open(self, caller: Caller, *channels: str) -> AsyncIterator[Messages]:
        """Messages on `channels` from now on, with their channel; None as a sign of life.

        They end when the session does, and when the listener fell behind: its client resumes.
        """
        listeners = {name: self._fanout.listen(name) for name in (*channels, IDENTITY)}
        try:
            async with aclosing(self._while_signed_in(caller, listeners)) as messages:
                yield messages
        finally:
            for listener in listeners.values():
                close = getattr(listener, "aclose", None)
                if close is not None:
                    with contextlib.suppress(Problem):
                        await close()

    async def _while_signed_in(
        self, caller: Caller, listeners: Mapping[str, AsyncIterator[bytes]]
    ) -> Messages:
        now = asyncio.get_running_loop().time
        checked = now()
        async with aclosing(_merged(listeners, self._heartbeat)) as messages:
            async for message in messages:
                ask = message is None or now() - checked >= self._heartbeat
                if message is not None and message[0] == IDENTITY:
                    if not concerns(message[1], caller.user_id, caller.session_id):
                        continue
                    ask = True
                # Hints may get lost, so it is asked now and then without one.
                if ask:
                    checked = now()
                    if not await self._stands(caller):
                        return
                if message is None or message[0] != IDENTITY:
                    yield message

    async def _stands(self, caller: Caller) -> bool:
        try:
            state = await self._sessions.check_session(session_id=caller.session_id)
        except NotFound:
            return False
        except Problem:
            return True  # the auth service is not there: asked again with the next sign of life
        return state.user_id == caller.user_id


async def _merged(listeners: Mapping[str, AsyncIterator[bytes]], every: float) -> Messages:
    """What any of them gives; None after so many seconds of silence. Ends with the first to end."""
    waiting: dict[asyncio.Future[bytes], str] = {}
    try:
        for name, listener in listeners.items():
            waiting[asyncio.ensure_future(anext(listener))] = name
        while True:
            done, _ = await asyncio.wait(
                waiting, timeout=every, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield None
            for future in done:
                try:
                    message = future.result()
                except StopAsyncIteration:
                    return
                name = waiting.pop(future)
                waiting[asyncio.ensure_future(anext(listeners[name]))] = name
                yield name, message
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
