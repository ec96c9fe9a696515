"""No frame breaks the socket: what AsyncAPI allows, what it does not, and what is no frame at all.

Frames are made from the schemas in specs/asyncapi.yaml, then broken. Whatever comes is answered, or
refused by a problem of the contract, or closes this one socket by a code of the contract.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
import yaml
from websockets.exceptions import ConnectionClosed

from generated.errors import PROBLEMS
from generated.websocket import CLOSE_CODES, READERS
from runtime.websocket.closing import FAULT
from tests.rest.world import Account, World
from tests.websocket.client import Client, Line, served

pytestmark = [pytest.mark.anyio, pytest.mark.fuzz]

SPECS = Path(__file__).parents[2] / "specs"
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SETTINGS = hypothesis.settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "2000" if LONG else "150")),
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


class Schemas:
    """The specs' schemas, as strategies."""

    def __init__(self) -> None:
        self._files = {
            name: yaml.safe_load((SPECS / name).read_text())
            for name in ("asyncapi.yaml", "openapi.yaml")
        }

    def frame(self, name: str) -> st.SearchStrategy[Any]:
        """Frames of one type that the contract allows."""
        messages = self._files["asyncapi.yaml"]["components"]["messages"]
        message = next(each for each in messages.values() if each["name"] == name)
        return self.values(message["payload"], "asyncapi.yaml")

    def values(self, schema: dict[str, Any], file: str) -> st.SearchStrategy[Any]:
        """What a schema allows: as much of JSON Schema as frames need."""
        if "$ref" in schema:
            other, _, pointer = schema["$ref"].partition("#")
            file = other.removeprefix("./") or file
            found = self._files[file]
            for part in pointer.strip("/").split("/"):
                found = found[part]
            return self.values(found, file)
        if "const" in schema:
            return st.just(schema["const"])
        if schema.get("type") == "object":
            wanted = set(schema.get("required", ()))
            all_ = {
                name: self.values(each, file) for name, each in schema.get("properties", {}).items()
            }
            return st.fixed_dictionaries(
                {name: each for name, each in all_.items() if name in wanted},
                optional={name: each for name, each in all_.items() if name not in wanted},
            )
        assert schema["type"] == "string", schema
        least, most = schema.get("minLength", 0), schema.get("maxLength", 100)
        if "pattern" not in schema:
            return st.text(min_size=least, max_size=most)
        return st.from_regex(schema["pattern"], fullmatch=True).filter(
            lambda text: least <= len(text) <= most and not text.endswith("\n")
        )


SCHEMAS = Schemas()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
GOOD = st.one_of(*(SCHEMAS.frame(name) for name in READERS))


@st.composite
def _bad(draw: st.DrawFn) -> Any:
    """A good frame with something taken out, put in, or in the place of something."""
    frame = dict(draw(GOOD))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([*frame, "payload", "lastEventId", "colour", ""]))
        if draw(st.booleans()):
            frame.pop(name, None)
        else:
            frame[name] = draw(JSON)
    return frame


WHATEVER = st.one_of(
    GOOD.map(json.dumps),
    _bad().map(json.dumps),
    JSON.map(json.dumps),
    st.text(max_size=200),
    st.binary(max_size=200),
    GOOD.map(lambda frame: json.dumps(frame).encode()),
    GOOD.map(lambda frame: json.dumps(frame)[: len(json.dumps(frame)) // 2]),
    st.sampled_from(
        ["[" * 50_000, '{"a":' * 10_000, "x" * 70_000, '{"type":"ping","id":"\\ud800"}']
    ),
)


class Stage:
    """A platform, and one of its people."""

    def __init__(self, world: World, line: Line, account: Account) -> None:
        self.world = world
        self.line = line
        self.account = account


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    world = World(tmp_path_factory.mktemp("fuzz"))
    await world.open()
    account = await world.account()
    faults: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: faults.append(record.getMessage())  # type: ignore[method-assign]  # it is for that
    logging.getLogger().addHandler(handler)
    async with served(world) as port:
        yield Stage(world, Line(port), account)
    await world.close()
    logging.getLogger().removeHandler(handler)
    # Nothing was a fault of ours.
    assert faults == []


async def heard(client: Client) -> tuple[list[dict[str, Any]], int]:
    """What came until the answer to a last ping, and 0; or until the end, and its code."""
    last = "the-last-one"
    frames: list[dict[str, Any]] = []
    try:
        await client.send({"type": "ping", "id": last})
        async with asyncio.timeout(20):
            while True:
                frames.append(json.loads(await client.connection.recv()))
                if frames[-1] == {"type": "pong", "id": last}:
                    return frames, 0
    except ConnectionClosed as closed:
        while True:
            try:
                frames.append(json.loads(await client.connection.recv()))
            except ConnectionClosed:
                return frames, closed.rcvd.code if closed.rcvd else 0


@hypothesis.given(sent=st.lists(WHATEVER, max_size=6), pieces=st.booleans(), known=st.booleans())
@SETTINGS
async def test_whatever_comes_is_answered_by_the_contract(
    stage: Stage, sent: list[str | bytes], pieces: bool, known: bool
) -> None:
    before = len(asyncio.all_tasks())
    client = await (stage.line.signed_in(stage.account) if known else stage.line.connect())
    try:
        for each in sent:
            whole = each[: len(each) // 2], each[len(each) // 2 :]
            await client.connection.send(whole if pieces else each)
    except ConnectionClosed:
        pass  # by what came before
    frames, code = await heard(client)
    assert code == 0 or code in CLOSE_CODES.keys() - {FAULT}, code
    for frame in frames:
        assert frame["type"] in ("ack", "pong", "error", "event"), frame
        if frame["type"] == "error":
            problem = frame["payload"]
            assert problem["code"] in PROBLEMS, problem
            assert problem["status"] < 500, problem
            assert problem["requestId"]
    await client.close()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.002)


@hypothesis.given(frames=st.lists(GOOD, min_size=1, max_size=6))
@SETTINGS
async def test_each_frame_that_the_schema_allows_is_answered_by_its_id(
    stage: Stage, frames: list[dict[str, Any]]
) -> None:
    client = await stage.line.signed_in(stage.account)
    for frame in frames:
        await client.send(frame)
    answers, code = await heard(client)
    assert code == 0
    ids = [answer.get("id") for answer in answers if answer["type"] != "event"]
    asked = [frame["id"] for frame in frames if frame["type"] != "pong"]
    assert ids == [*asked, "the-last-one"]
    refused = [a["payload"]["code"] for a in answers if a["type"] == "error"]
    assert "malformed-request" not in refused
    await client.close()


@hypothesis.given(at=st.integers(0, 12), data=st.data())
@SETTINGS
async def test_a_client_may_vanish_at_any_point(stage: Stage, at: int, data: st.DataObject) -> None:
    before = len(asyncio.all_tasks())
    client = await stage.line.connect()
    sign_in = {"type": "signIn", "id": "1", "payload": {"accessToken": stage.account.access}}
    channel = f"chat/{stage.account.id}"
    frames: list[dict[str, Any]] = [sign_in, {"type": "subscribe", "id": "2", "channel": channel}]
    frames += [
        {"type": "send", "id": f"{number}", "channel": channel, "payload": {"text": "Hello"}}
        for number in range(10)
    ]
    for frame in frames[:at]:
        await client.send(frame)
    for _ in range(data.draw(st.integers(0, 3))):
        await asyncio.sleep(0)
    client.connection.transport.abort()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.002)
    assert len(stage.world.platform.hub._sockets) == 0
