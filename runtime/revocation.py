"""What processes tell each other of ended sessions, so that their tokens are forgotten at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from runtime.gate import KnownTokens
from runtime.ports import Fanout

# Seconds for which a token is remembered while nobody can say that it was revoked.
UNTOLD = 1.0


async def follow_revocations(
    fanout: Fanout,
    channel: str,
    known: KnownTokens,
    connected: Callable[[], bool] = lambda: True,
    untold: float = UNTOLD,
) -> None:
    """Forgets what `channel` says (AsyncAPI's SessionRevocation), until it is cancelled.

    Where messages may have been missed every token is forgotten, and so every `untold` seconds
    while `connected` says no: then the auth service is asked, which knows.
    """
    while True:
        listener = fanout.listen(channel, 4096)
        while True:
            try:
                async with asyncio.timeout(untold):
                    told = json.loads(await anext(listener))
            except TimeoutError:
                pass
            except StopAsyncIteration:
                known.forget_all()
                break
            else:
                known.forget(told["userId"], told.get("sessionId"))
            if not connected():
                known.forget_all()
