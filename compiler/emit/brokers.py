"""`brokers.py`: topics and queues as the contract declares them; `kafka.py` and `rabbitmq.py`:
their publishers and subscribers, over FastStream.

A publisher a channel, and a subscriber a service and channel, which is a consumer group on Kafka.
The first module imports nothing of a broker; the others are imported where theirs is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.emit.lines import Module, literal
from compiler.emit.messages import message_class
from compiler.ir import Channel, Contract, Event

_TRANSPORTS = {"kafka": ("kafka", "Kafka"), "amqp": ("rabbitmq", "RabbitMQ")}


@dataclass(frozen=True, slots=True)
class _Parts:
    """A transport's channels: with events, and those of dead letters."""

    events: tuple[Channel, ...]
    dead: tuple[Channel, ...]
    by_name: Mapping[str, Channel]


def emit(contract: Contract) -> dict[str, str]:
    """`brokers.py`, and a module for each broker that the contract has channels on."""
    parts = {transport: _parts(contract, transport) for transport in _TRANSPORTS}
    if not any(each.events for each in parts.values()):
        return {}
    module = Module("brokers.py", "The contract's topics and queues, by channel.")
    events = {event.type: event for event in contract.events}
    _declare(module, "TOPICS", "Topic", parts["kafka"], events)
    module.gap()
    _declare(module, "QUEUES", "Queue", parts["amqp"], events)
    files = {module.path: module.text()}
    for transport, (name, title) in _TRANSPORTS.items():
        if parts[transport].events:
            files |= _wiring(contract, name, title, parts[transport], events)
    return files


def _parts(contract: Contract, transport: str) -> _Parts:
    mine = [channel for channel in contract.channels if channel.transport == transport]
    used = {channel.dead_letters for channel in mine}
    return _Parts(
        tuple(channel for channel in mine if channel.events),
        tuple(channel for channel in mine if not channel.events and channel.name in used),
        {channel.name: channel for channel in mine},
    )


def _declare(
    module: Module, table: str, kind: str, parts: _Parts, events: Mapping[str, Event]
) -> None:
    use = module.use("runtime.channels", kind)
    module.line(f"{table}: dict[str, {use}] = {{")
    for channel in (*parts.events, *parts.dead):
        arguments = [literal(channel.name), literal(_address(channel))]
        if kind == "Topic":
            arguments += _binding(channel)
        if channel.dead_letters:
            dead = _address(parts.by_name[channel.dead_letters])
            arguments.append(f"dead_letters={literal(dead)}")
        if channel.events:
            types = {type: min(events[type].services, default="") for type in channel.events}
            arguments.append(f"types={literal(types)}")
        module.line(f"    {literal(channel.name)}: {use}({', '.join(arguments)}),")
    module.line("}")


def _address(channel: Channel) -> str:
    """The topic's or queue's name: the binding's, where it has one."""
    bindings = channel.bindings or {}
    queue = bindings.get("amqp", {}).get("queue", {}) if channel.transport == "amqp" else {}
    return str(queue.get("name") or bindings.get("kafka", {}).get("topic") or channel.address)


def _binding(channel: Channel) -> list[str]:
    """Partitions, replicas and configuration, as AsyncAPI's Kafka binding has them."""
    kafka: Mapping[str, Any] = (channel.bindings or {}).get("kafka", {})
    found = [f"{name}={kafka[name]}" for name in ("partitions", "replicas") if name in kafka]
    configuration = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in kafka.get("topicConfiguration", {}).items()
    }
    return [*found, f"configuration={literal(configuration)}"] if configuration else found


def _wiring(
    contract: Contract, name: str, title: str, parts: _Parts, events: Mapping[str, Event]
) -> dict[str, str]:
    module = Module(f"{name}.py", f"Publishers and subscribers over {title}, for FastStream.")
    adapter = f"runtime.adapters.{name}"
    publish, subscribe = module.use(adapter, "Publish"), module.use(adapter, "Subscribe")
    table = module.use("generated.brokers", "TOPICS" if name == "kafka" else "QUEUES")
    consumed = _consumed(contract, parts)
    unions = {channel.name: channel.events for channel in parts.events}
    unions |= {f"{service} {channel}": types for (channel, service), types in consumed.items()}
    for key, types in unions.items():
        _union(module, _union_name(key), types, events)
    module.gap()
    with module.block(f"def publishers(publish: {publish}) -> None:"):
        module.doc("A publisher a channel, and what it publishes.")
        for channel in parts.events:
            doc = literal(channel.doc or channel.name)
            module.line(f"publish({literal(channel.name)}, {doc}, {_union_name(channel.name)})")
    module.gap()
    with module.block(f"def subscribers(subscribe: {subscribe}) -> None:"):
        module.doc("A subscriber a service and channel, and what the service takes of it.")
        for channel_name, service in consumed:
            union = _union_name(f"{service} {channel_name}")
            module.line(f"subscribe({literal(channel_name)}, {literal(service)}, {union})")
        if not consumed:
            module.line("return")
    module.gap()
    wiring = module.use(adapter, "Wiring")
    module.line(f"WIRING = {wiring}({table}, publishers, subscribers)")
    return {module.path: module.text()}


def _consumed(contract: Contract, parts: _Parts) -> dict[tuple[str, str], tuple[str, ...]]:
    """What a service's consumers take of a channel, by both."""
    names = {channel.name for channel in parts.events}
    found: dict[tuple[str, str], set[str]] = {}
    for consumer in contract.consumers:
        if consumer.channel in names:
            found.setdefault((consumer.channel, consumer.service), set()).update(consumer.events)
    return {key: tuple(sorted(types)) for key, types in sorted(found.items())}


def _union_name(key: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in key.split())


def _union(module: Module, name: str, types: tuple[str, ...], events: Mapping[str, Event]) -> None:
    classes = [module.use("generated.messages", message_class(events[type])) for type in types]
    module.line(f"{name} = {' | '.join(classes)}")
