"""What a client hears while it is connected: live messages, while its session stands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from generated.models import SessionState
from handlers.live import concerns, identity_channel
from runtime.call import Caller
from runtime.ports import Fanout, Listening
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
        names = (*channels, identity_channel(caller.user_id))
        listeners = {name: self._fanout.listen(name) for name in names}
        try:
            async with aclosing(self._while_signed_in(caller, listeners)) as messages:
                yield messages
        finally:
            for listener in listeners.values():
                with contextlib.suppress(Problem):
                    await listener.aclose()

    async def _while_signed_in(
        self, caller: Caller, listeners: Mapping[str, Listening]
    ) -> Messages:
        now = asyncio.get_running_loop().time
        identity = identity_channel(caller.user_id)
        checked = now()
        async with aclosing(_merged(listeners, self._heartbeat)) as messages:
            async for message in messages:
                ask = message is None or now() - checked >= self._heartbeat
                if message is not None and message[0] == identity:
                    if not concerns(message[1], caller.user_id, caller.session_id):
                        continue
                    ask = True
                # Hints may get lost, so it is asked now and then without one.
                if ask:
                    checked = now()
                    if not await self._stands(caller):
                        return
                if message is None or message[0] != identity:
                    yield message

    async def _stands(self, caller: Caller) -> bool:
        try:
            state = await self._sessions.check_session(session_id=caller.session_id)
        except NotFound:
            return False
        except Problem:
            return True  # the auth service is not there: asked again with the next sign of life
        return state.user_id == caller.user_id


async def _merged(listeners: Mapping[str, Listening], every: float) -> Messages:
    """What any of them gives; None after so many seconds of silence. Ends with the first to end.

    One task reads them all, with one timer: a server has thousands of these.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[bool] = loop.create_future()

    def wake() -> None:
        _settle(waiting, True)

    for listener in listeners.values():
        listener.on_arrival(wake)
    while True:
        for name, listener in listeners.items():
            while (message := listener.take()) is not None:
                yield name, message
            if listener.ended:
                return
        if not waiting.done():
            timer = loop.call_later(every, _settle, waiting, False)
            try:
                await waiting
            finally:
                timer.cancel()
        silent = not waiting.result()
        waiting = loop.create_future()
        if silent:
            yield None


def _settle(waiting: asyncio.Future[bool], arrived: bool) -> None:
    if not waiting.done():
        waiting.set_result(arrived)
