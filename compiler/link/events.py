"""asyncapi.yaml → events, channels, consumers; held to OpenAPI's entities and operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from compiler import naming
from compiler.ir import Channel, Consumer, Event, Field, Message, Operation, Type
from compiler.link.sockets import SocketLinker
from compiler.link.types import Known
from compiler.parse.asyncapi import AsyncApi, AsyncChannel, AsyncMessage, AsyncOperation
from compiler.source import Report, Span

_TYPE = re.compile(r"([a-z]+)\.([a-z]+(?:-[a-z]+)*)\.v([1-9][0-9]*)\Z")
# What a change of an entity must tell of it; a change by another name tells both.
_SIDES = {"created": ("after",), "deleted": ("before",)}
_DEAD_LETTERS = ".dead-letters"


@dataclass
class EventLinker:
    """Builds what AsyncAPI says, and reports what does not fit. `services`: OpenAPI's tags."""

    asyncapi: AsyncApi
    known: Known
    services: Mapping[str, str]
    owned: bool
    report: Report
    events: dict[str, Event] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)

    def link(self, operations: Iterable[Operation]) -> None:
        """Fills events, messages, channels and consumers."""
        for channel in self.asyncapi.channels.values():
            for message in channel.messages.values():
                if message.event is not None:
                    self._event(channel, message.event, message)
                else:
                    self._message(message)
        publishers = self._publishers()
        for type, event in self.events.items():
            services = tuple(sorted(publishers.get(type, ())))
            if not services and self.owned:
                text = f"no service publishes {type}: no send operation with x-service has it"
                self.report.add(event.span, "never-published", text)
            self.events[type] = replace(event, services=services)
        operations = list(operations)
        self._consumers()
        self._channels({operation.id: operation for operation in operations})
        for operation in operations:
            emits = [(type, operation.span) for type in operation.emits]
            self._emits(operation.id, operation.service, emits)
        methods = {(operation.service, operation.python): operation for operation in operations}
        for consumer in self.consumers:
            other = methods.get((consumer.service, consumer.python))
            if other is not None:
                text = f"{consumer.id} is a method of {consumer.service} already, at {other.span}"
                self.report.add(consumer.span, "name-clash", text)

    # ---- events and messages

    def _event(self, channel: AsyncChannel, type: str, message: AsyncMessage) -> None:
        if type in self.events:
            known = self.events[type]
            if known.channel != channel.name:
                text = f"{type} is on the channel {known.channel} already"
                self.report.add(message.span, "duplicate-event", text)
            return
        match = _TYPE.match(type)
        if match is None:
            text = f"{type!r} is no event type of the form entity.change.v1"
            self.report.add(message.span, "bad-event-type", text)
        if message.name != type:
            text = f"the message is called {message.name!r} but its type is {type!r}"
            self.report.add(message.span, "bad-event-type", text)
        data, entity = self._data(type, match.group(2) if match else "", message)
        for key, path in (("x-key", message.key), ("x-subject", message.subject)):
            self._path(type, key, path, message, data)
        name = naming.pascal(f"{match[1]} {match[2]}") if match else naming.class_name(type)
        if match and match[3] != "1":
            name += f"V{match[3]}"
        self.events[type] = Event(
            type,
            name,
            channel.name,
            data,
            message.key,
            message.subject,
            message.span,
            doc=message.doc,
            entity=entity,
            envelope=message.envelope,
        )

    def _data(self, type: str, change: str, message: AsyncMessage) -> tuple[Type, str]:
        """An event's data, and the entity that it is about."""
        data = message.data or Type("object", message.span)
        fields = {row.name: row for row in data.fields}
        place = message.data_span or message.span
        if fields.keys() & {"before", "after"} and fields.keys() <= {"before", "after"}:
            return self._change(type, change, data, fields, place)
        if message.view is None:
            text = f"{type} is no change of an entity, and no x-view says what it is a view of"
            self.report.add(place, "bad-payload", text)
            return data, ""
        schema = self.known.schemas.get(message.view)
        if schema is None or schema.entity is None:
            text = f"{type} is a view of {message.view!r}, which is no entity"
            self.report.add(message.view_span or place, "bad-payload", text)
        return data, message.view

    def _change(
        self, type: str, change: str, data: Type, fields: dict[str, Field], place: Span
    ) -> tuple[Type, str]:
        """before and after are the same entity; which of them is there the change says."""
        names = {row.type.ref or "" for row in fields.values()}
        name = min(names)
        schema = self.known.schemas.get(name)
        if len(names) > 1 or schema is None or schema.entity is None:
            text = f"the before and the after of {type} are not one entity"
            self.report.add(place, "bad-payload", text)
            return data, ""
        wanted = _SIDES.get(change, ("before", "after"))
        for side in wanted:
            if side not in fields:
                text = f"{type} needs {side!r} in its data"
                self.report.add(place, "bad-payload", text)
        kept = tuple(replace(fields[s], required=True) for s in sorted(wanted) if s in fields)
        return replace(data, fields=kept), name

    def _path(self, type: str, key: str, path: str, message: AsyncMessage, data: Type) -> None:
        """x-key and x-subject name a field of the view, or of the entity."""
        fields = {row.name: row for row in data.fields}
        found = self.known.reach(data, path) if path else None
        for side in ("after", "before"):
            if found is None and path and side in fields:
                found = self.known.reach(fields[side].type, path)
        if found is None and not path:
            self.report.add(message.span, "missing-key", f"{type} needs {key!r}")
        elif found is None:
            text = f"{type}: its data has no {path!r}, which is its {key}"
            self.report.add(message.span, "unknown-field", text)
        elif path in fields and not fields[path].required:
            text = f"{type}: its data may lack {path!r}, which is its {key}"
            self.report.add(fields[path].span, "bad-payload", text)

    def _message(self, message: AsyncMessage) -> None:
        known = self.messages.get(message.name)
        if known is not None and known.span != message.span:
            text = f"a message is called {message.name!r} already at {known.span}"
            self.report.add(message.span, "duplicate-event", text)
        self.messages[message.name] = Message(
            message.name,
            naming.class_name(naming.pascal(message.name)),
            message.payload,
            message.span,
            message.doc,
        )

    # ---- who publishes and who consumes

    def _types(self, operation: AsyncOperation) -> list[str]:
        """The event types that an AsyncAPI operation lists."""
        messages = self.asyncapi.channels[operation.channel].messages
        listed = [messages[key].event for key, _ in operation.messages if key in messages]
        return [type for type in listed if type is not None and type in self.events]

    def _publishers(self) -> dict[str, set[str]]:
        """Event type → the services that send it."""
        found: dict[str, set[str]] = {}
        for operation in self.asyncapi.operations.values():
            if operation.action == "send" and operation.service is not None:
                self._known_service(operation)
                for type in self._types(operation):
                    found.setdefault(type, set()).add(operation.service)
        return found

    def _known_service(self, operation: AsyncOperation) -> None:
        name = operation.service or ""
        if name not in self.services:
            near = naming.nearest(name, self.services)
            message = f"{operation.id}: there is no service {name!r}{near}"
            self.report.add(operation.service_span, "unknown-service", message)

    def _consumers(self) -> None:
        rows = [
            operation
            for operation in self.asyncapi.operations.values()
            if operation.action == "receive" and operation.service is not None
        ]
        methods = naming.unique((row.id for row in rows), naming.method)
        for row in rows:
            self._known_service(row)
            types = self._types(row)
            messages = self.asyncapi.channels[row.channel].messages
            for key, span in row.messages:
                if key in messages and messages[key].event is None:
                    message = f"{row.id} consumes {messages[key].name!r}, which is no event"
                    self.report.add(span, "bad-payload", message)
            self._emits(row.id, row.service or "", row.emits)
            self.consumers.append(
                Consumer(
                    row.id,
                    methods[row.id],
                    row.service or "",
                    row.channel,
                    tuple(sorted(types)),
                    row.span,
                    doc=row.doc,
                    emits=tuple(type for type, _ in row.emits),
                )
            )

    def _emits(self, id: str, service: str, emits: Iterable[tuple[str, Span]]) -> None:
        for type, span in emits:
            event = self.events.get(type)
            if event is None:
                message = (
                    f"{id} emits {type!r}, which is no event{naming.nearest(type, self.events)}"
                )
                self.report.add(span, "unknown-event", message)
            elif service not in event.services:
                owners = " and ".join(event.services) or "nobody"
                message = (
                    f"{id} emits {type}, which {owners} publishes at {event.span}, not {service}"
                )
                self.report.add(span, "not-published", message)

    # ---- channels

    def _channels(self, operations: Mapping[str, Operation]) -> None:
        by_address = {channel.address: channel for channel in self.asyncapi.channels.values()}
        consumed = {consumer.channel for consumer in self.consumers}
        for channel in self.asyncapi.channels.values():
            events = sorted({m.event for m in channel.messages.values() if m.event is not None})
            dead = by_address.get(channel.address + _DEAD_LETTERS)
            lasting = channel.transport in ("kafka", "amqp")
            received, sent = self._passing(channel, "receive"), self._passing(channel, "send")
            socket = SocketLinker(channel, operations, self.report)
            if self.owned and channel.name in consumed and lasting and dead is None:
                message = f"{channel.name} is consumed but has no {channel.address}{_DEAD_LETTERS}"
                self.report.add(channel.span, "no-dead-letters", message)
            self.channels.append(
                Channel(
                    channel.name,
                    channel.address,
                    channel.transport,
                    tuple(events),
                    channel.span,
                    doc=channel.doc,
                    received=received,
                    sent=sent,
                    dead_letters=dead.name if dead else "",
                    bindings=channel.bindings or None,
                    topics=socket.topics(received, sent),
                    close_codes=socket.close_codes(),
                    subprotocol=channel.subprotocol,
                )
            )

    def _passing(self, channel: AsyncChannel, action: str) -> tuple[str, ...]:
        names = {
            channel.messages[key].name
            for operation in self.asyncapi.operations.values()
            if operation.channel == channel.name and operation.action == action
            for key, _ in operation.messages
            if channel.messages[key].event is None
        }
        return tuple(sorted(names))
