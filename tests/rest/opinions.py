"""Two platforms with the same history, one compiled, one interpreted; and what makes their answers
the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.rest.differences import ACCEPTED
from tests.rest.stock import Stock
from tests.rest.wire import Answer, Wire, ask
from tests.rest.world import World

# What is random or a time, by what it looks like; replaced before anything is compared.
_RANDOM = (
    (re.compile(r"[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "<token>"),
    (re.compile(r"bm_[\w-]+"), "<secret>"),
    (re.compile(r"\b(user|manager|support|admin)\d+@example\.com"), r"<\1>"),
)
_SECRETS = {"ticket", "nextPageToken", "requestId", "refreshToken"}
# Headers that tell of the moment; that they are there is compared, not what they say.
_MOMENTARY = {"x-request-id", "ratelimit", "content-length"}


class Opinions:
    """The two, asked the same."""

    def __init__(self, compiled: World, interpreted: World) -> None:
        self.worlds = (compiled, interpreted)
        self.stocks = (Stock(compiled), Stock(interpreted))
        self.differing: list[str] = []

    async def same(self, *wires: Wire, patience: float = 30.0) -> Answer:
        """The compiled answer; fails when the interpreted one is another. One request for both, or
        one each.
        """
        for world in self.worlds:
            # What runs beside the requests has had its effect in both, or the histories part.
            assert await world.platform.drained()
        answers = [
            await ask(world.platform.edge, wire, patience=patience)
            for world, wire in zip(self.worlds, (wires[0], wires[-1]), strict=True)
        ]
        told = [comparable(answer) for answer in answers]
        if told[0] != told[1] and not any(each.fits(wires[0], *answers) for each in ACCEPTED):
            raise AssertionError(
                f"{wires[0].method} {wires[0].target[:300]}\n"
                f"headers {[each for each in wires[0].headers if each[0] != b'authorization']}\n"
                f"body {wires[0].body[:500]!r}\n"
                f"compiled    {told[0]}\ninterpreted {told[1]}"
            )
        return answers[0]


@asynccontextmanager
async def opinions(folder: Path) -> AsyncIterator[Opinions]:
    """Both, started."""
    compiled, interpreted = World(folder / "a"), World(folder / "b", interpreted=True)
    await compiled.open()
    await interpreted.open()
    try:
        both = Opinions(compiled, interpreted)
        for stock in both.stocks:
            await stock.lay_in()
        yield both
    finally:
        await compiled.close()
        await interpreted.close()


def comparable(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body without what is random; faults of the input as a set."""
    headers = {
        name.decode(): "<some>" if name.decode() in _MOMENTARY else _plain(value.decode("latin-1"))
        for name, value in answer.headers
    }
    try:
        document = json.loads(answer.body)
        body = _document(document)
        if isinstance(document, dict) and "attempts" in document:
            headers.pop("etag", None)
    except ValueError:
        body = _plain(answer.body.decode("utf-8", "replace"))
    return answer.status, headers, body


def _document(value: Any, key: str = "") -> Any:
    if key in _SECRETS and isinstance(value, str):
        return "<some>"
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, dict):
        if value.keys() >= {"attempts", "progress"}:
            # A task may have been begun before it was cancelled, or not.
            value = value | {"attempts": 0, "version": 0}
        return {_plain(name): _document(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = [_document(item) for item in value]
        # Made in the same millisecond, two things have no order; and faults have none at all.
        return sorted(items, key=repr) if key in ("items", "errors") else items
    return value


def _plain(text: str) -> str:
    for pattern, instead in _RANDOM:
        text = pattern.sub(instead, text)
    return text
