"""What bad requests are sent to: it measures what each costs."""

from __future__ import annotations

import time

from generated.models import Role
from tests.rest.stock import Stock
from tests.rest.wire import Answer, Wire, ask
from tests.rest.world import World

# Of CPU, all threads together. What is measured is the best of some, as others use the machine too.
MOST_SECONDS = 0.010
TRIES = 5


class Target:
    """A platform, and somebody who may send requests to it."""

    def __init__(self, world: World, stock: Stock) -> None:
        self._world = world
        self.stock = stock

    async def refuse(self, wire: Wire, *, role: Role = Role.USER) -> Answer:
        """The answer, which must be a refusal, or a success that is as cheap."""
        token = self.stock.people[role].headers["Authorization"].encode()
        sent = [(b"authorization", token), *wire.headers]
        if not any(name == b"content-type" for name, _ in sent) and wire.body:
            sent.append((b"content-type", b"application/json"))
        wire = Wire(wire.method, wire.target, sent, wire.body, wire.chunk)
        best = MOST_SECONDS * 100
        answer = None
        for _ in range(TRIES):
            prepared = ask(self._world.platform.edge, wire)
            began = time.process_time()
            answer = await prepared
            best = min(best, time.process_time() - began)
            if best < MOST_SECONDS / 2:
                break
        assert answer is not None
        assert answer.status < 500, answer.body
        assert best < MOST_SECONDS, (
            f"{best * 1000:.1f} ms for {answer.status} {answer.body[:200]!r}"
        )
        if answer.status >= 400:
            assert answer.header("content-type") == "application/problem+json"
            assert len(answer.body) < 40_000, "a small request must not ask for a large answer"
        return answer
