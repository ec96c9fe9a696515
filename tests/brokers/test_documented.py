"""FastStream's own AsyncAPI document of what is wired says what specs/asyncapi.yaml says.

Two tools read the contract here: our compiler wrote the wiring, FastStream tells what is wired.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from faststream.specification import AsyncAPI

from generated import kafka, rabbitmq
from runtime.adapters.kafka.wiring import described as kafka_described
from runtime.adapters.rabbitmq.wiring import described as rabbitmq_described
from runtime.channels import Queue, Topic

SPECS = Path(__file__).parents[2] / "specs"
# What the two documents say differently, and why.
DIFFERENCES = {
    "title": "a class's name in one, nothing in the other",
    "description": "FastStream gives a class's docstring",
    "format": "beside each format stands its pattern, which is compared",
    "example": "is no part of the meaning",
    "readOnly": "says who writes a field, and in an event nobody does",
    "uniqueItems": "pydantic has no keyword for it: a validator of its own holds it",
    "default": "what is left out of an event is null, and a default is the request's",
}


def load(name: str) -> Any:
    return yaml.load((SPECS / name).read_bytes(), yaml.CSafeLoader)


ASYNCAPI, OPENAPI = load("asyncapi.yaml"), load("openapi.yaml")
ON_BROKERS = {
    name: channel
    for name, channel in ASYNCAPI["channels"].items()
    if channel["servers"][0]["$ref"].rpartition("/")[2] in ("kafka", "rabbitmq")
}
WITH_EVENTS = [name for name in ON_BROKERS if not name.endswith("DeadLetters")]


@cache
def document() -> Any:
    brokers = (kafka_described(kafka.WIRING), rabbitmq_described(rabbitmq.WIRING))
    return AsyncAPI(*brokers, schema_version="3.0.0").to_specification().to_jsonable()


def at(root: Any, pointer: str) -> Any:
    for part in pointer.strip("/").split("/"):
        root = root[part.replace("~1", "/").replace("~0", "~")]
    return root


def followed(node: Any, root: Any) -> tuple[Any, Any]:
    """What a `$ref` stands for, and the document that it is in."""
    while isinstance(node, dict) and "$ref" in node:
        file, _, pointer = node["$ref"].partition("#")
        root = OPENAPI if file else root
        node = at(root, pointer)
    return node, root


def plain(node: Any, root: Any) -> Any:
    """A schema without references, `allOf`s and annotations: what a value has to be."""
    node, root = followed(node, root)
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for part in node.get("allOf", ()):
        merge(found, plain(part, root))
    own: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            own[key] = {name: plain(each, root) for name, each in value.items()}
        elif key == "items":
            own[key] = plain(value, root)
        elif key == "required":
            own[key] = sorted(value)
        elif key in ("anyOf", "oneOf"):
            # An optional field: pydantic lets it be null too, which no event of ours ever holds.
            some = [each for each in value if each != {"type": "null"}]
            if len(some) == 1:
                own |= plain(some[0], root)
            else:
                own["anyOf"] = [plain(each, root) for each in some]
        elif key not in (*DIFFERENCES, "allOf", "$defs") and not key.startswith("x-"):
            own[key] = value
    merge(found, own)
    if found.pop("nullable", False) and None in found.get("enum", ()):
        found["enum"] = [value for value in found["enum"] if value is not None]
    if "const" in found:
        found["enum"] = [found.pop("const")]
    # Objects let more in unless they say otherwise, on both sides.
    if found.get("additionalProperties") is True:
        del found["additionalProperties"]
    return found


def merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if key == "properties":
            for name, each in value.items():
                known = into.setdefault("properties", {}).get(name)
                # A message narrows its envelope's `data` and `type`.
                into["properties"][name] = {**(known or {}), **each}
        elif key == "required":
            into[key] = sorted({*into.get(key, ()), *value})
        else:
            into[key] = value


def event_of(payload: Any) -> str:
    return str(payload["properties"]["type"]["enum"][0])


def payloads(message: Any) -> dict[str, Any]:
    """The payloads of a documented message, by event type."""
    whole, root = followed(message, document())
    body, root = followed(whole["payload"], root)
    parts = body.get("anyOf") or body.get("oneOf") or [body]
    found = [plain(part, root) for part in parts]
    return {event_of(each): each for each in found}


def contract_payload(type: str) -> Any:
    for message in ASYNCAPI["components"]["messages"].values():
        if message["name"] == type:
            found = plain(message["payload"], ASYNCAPI)
            # Its pattern and length are the constant's.
            found["properties"]["type"] = {"type": "string", "enum": [type]}
            changed(type, found)
            return found
    raise KeyError(type)


def changed(type: str, payload: Any) -> None:
    """`created` has after, `deleted` has before, all others both: the compiler makes of it
    required fields.
    """
    data = payload["properties"]["data"]
    sides = data["properties"].keys() & {"before", "after"}
    if sides:
        change = type.split(".")[1]
        kept = {"created": {"after"}, "deleted": {"before"}}.get(change, {"before", "after"})
        data["properties"] = {name: data["properties"][name] for name in sorted(kept)}
        data["required"] = sorted(kept)


@pytest.mark.parametrize("name", WITH_EVENTS)
def test_a_publisher_is_what_its_channel_says(name: str) -> None:
    documented = document()["channels"][name]
    assert documented["address"] == ON_BROKERS[name]["address"]
    assert documented["description"] == ON_BROKERS[name]["description"]
    types = {
        followed(message, ASYNCAPI)[0]["name"] for message in ON_BROKERS[name]["messages"].values()
    }
    [message] = documented["messages"].values()
    found = payloads(message)
    assert found.keys() == types
    for type, payload in found.items():
        assert payload == contract_payload(type), type


def test_a_subscriber_takes_what_its_services_consumers_do() -> None:
    wanted: dict[tuple[str, str], set[str]] = {}
    for operation in ASYNCAPI["operations"].values():
        name = operation["channel"]["$ref"].rpartition("/")[2]
        if operation["action"] == "receive" and name in WITH_EVENTS:
            types = {
                followed(followed(message, ASYNCAPI)[0], ASYNCAPI)[0]["name"]
                for message in operation["messages"]
            }
            key = (ON_BROKERS[name]["address"], operation["x-service"])
            wanted.setdefault(key, set()).update(types)
    found: dict[tuple[str, str], set[str]] = {}
    for key, channel in document()["channels"].items():
        if key in WITH_EVENTS:
            continue
        address, _, who = channel["address"].partition(".")
        [message] = channel["messages"].values()
        if who:
            # The retries, which the contract leaves to the adapters: the same messages again.
            service = who.removesuffix(".retries")
            assert payloads(message).keys() == wanted[address, service]
        else:
            service = key.removeprefix("tasks:_:").rpartition(":")[2]
            [service] = {
                each for of, each in wanted if of == address and service.lower().startswith(each)
            }
            found[address, service] = set(payloads(message))
    assert found == wanted


def test_all_that_is_not_wired_is_accounted_for() -> None:
    # Dead letters are written where a consumer gives up, under their declared names: they have no
    # publisher of their own. Sockets and Redis have none either: they are not FastStream's.
    wired = {channel["address"] for channel in document()["channels"].values()}
    missing = {channel["address"] for channel in ON_BROKERS.values()} - wired
    declared: list[Topic | Queue] = [
        *kafka.WIRING.topics.values(),
        *rabbitmq.WIRING.queues.values(),
    ]
    assert missing == {each.dead_letters for each in declared if each.dead_letters}
    assert {each.address for each in declared} == {
        channel["address"] for channel in ON_BROKERS.values()
    }


def test_topics_are_declared_as_their_bindings_say() -> None:
    # FastStream's document leaves partitions and retention out.
    for name, topic in kafka.WIRING.topics.items():
        binding = ASYNCAPI["channels"][name]["bindings"]["kafka"]
        assert topic.partitions == binding["partitions"]
        assert topic.replicas == binding["replicas"]
        configuration = binding["topicConfiguration"]
        assert topic.configuration["retention.ms"] == str(configuration["retention.ms"])
        assert topic.configuration["cleanup.policy"] == ",".join(configuration["cleanup.policy"])
