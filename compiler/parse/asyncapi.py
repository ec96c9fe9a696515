"""asyncapi.yaml → its channels, messages and operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler.ir import Field, Topic, Type
from compiler.parse.asyncapi_shape import ASYNCAPI
from compiler.parse.deep import component
from compiler.parse.node import Node
from compiler.parse.refs import Refs
from compiler.parse.schema import Schemas
from compiler.parse.shape import Named, Shape
from compiler.source import Report, Span

TRANSPORTS = {
    "kafka": "kafka",
    "kafka-secure": "kafka",
    "amqp": "amqp",
    "amqps": "amqp",
    "redis": "redis",
    "rediss": "redis",
    "ws": "ws",
    "wss": "ws",
}


@dataclass(frozen=True)
class AsyncMessage:
    """A message. Where it is an event, `event` is its CloudEvents type and `data` its payload's."""

    name: str
    span: Span
    payload: Type
    event: str | None = None
    data: Type | None = None
    # The entity that `data` says it is a view of.
    view: str | None = None
    view_span: Span | None = None
    data_span: Span | None = None
    # The payload's other fields.
    envelope: tuple[Field, ...] = ()
    key: str = ""
    subject: str = ""
    doc: str = ""


@dataclass(frozen=True)
class AsyncChannel:
    """A channel. `messages` are by name, as the channel calls them."""

    name: str
    address: str
    transport: str
    messages: dict[str, AsyncMessage]
    span: Span
    bindings: Any = None
    doc: str = ""
    topics: tuple[Topic, ...] = ()
    close_codes: tuple[tuple[str, str, Span], ...] = ()
    subprotocol: str = ""


@dataclass(frozen=True)
class AsyncOperation:
    """Something sent or received."""

    id: str
    action: str
    channel: str
    # (name within the channel, where it is listed); all of the channel's when none is listed.
    messages: tuple[tuple[str, Span], ...]
    service: str | None
    service_span: Span
    emits: tuple[tuple[str, Span], ...]
    span: Span
    doc: str = ""


@dataclass(frozen=True)
class AsyncApi:
    """What asyncapi.yaml says."""

    root: Node
    channels: dict[str, AsyncChannel]
    operations: dict[str, AsyncOperation]


class EventSchemas(Schemas):
    """AsyncAPI's schemas. A `$ref` into OpenAPI is a name; one of its own is what stands there."""

    outer: Schemas
    open: list[str]

    @classmethod
    def inside(cls, root: Node, refs: Refs, report: Report, outer: Schemas) -> EventSchemas:
        """Those of the document at `root`; names are those of `outer`."""
        found = cls(root, refs, report, strict=outer.strict, modern=True)
        found.outer = outer
        found.open = []
        found.deep.pointers.clear()
        return found

    def named(self, name: str) -> Type:
        """The type of OpenAPI's schema called `name`."""
        return self.outer.named(name)

    def _reference(self, node: Node) -> Type:
        text = node.text("$ref")
        target = self.refs.target(node)
        if target is None:
            return Type("any", node.span)
        if text.startswith("#"):
            if text in self.open:
                message = f"{text!r} contains itself: that cannot be compiled in a message"
                self.refs.wrong(node, message, "ref-cycle")
                return Type("any", node.span)
            self.open.append(text)
            type = self.of(target)
            self.open.pop()
            return type
        name = component(text[text.index("#") :])
        if name is None:
            message = f"{text!r} is no schema of its components"
            self.refs.wrong(node, message)
            return Type("any", node.span)
        return Type("ref", node.span, ref=name)


def parse_asyncapi(
    root: Node, openapi: Mapping[str, Node], outer: Schemas, report: Report
) -> AsyncApi | None:
    """The document at `root`, which may refer to `openapi` by file name; None after reporting."""
    version = root.child("asyncapi").value
    if not isinstance(version, str) or not re.match(r"3\.0\.\d+\Z", version):
        place = root.child("asyncapi").span
        report.add(place, "bad-version", f"AsyncAPI 3.0 is read, not {version!r}")
        return None
    reader = _Reader(root, openapi, outer, report)
    follow = reader.refs.follow_inside
    Shape(ASYNCAPI, report, follow, strict=outer.strict).check(root, Named("document"))
    return reader.read()


class _Reader:
    def __init__(
        self, root: Node, openapi: Mapping[str, Node], outer: Schemas, report: Report
    ) -> None:
        self.root = root
        self.report = report
        self.refs = Refs(root, report, openapi)
        self.schemas = EventSchemas.inside(root, self.refs, report, outer)
        self.messages: dict[int, AsyncMessage] = {}

    def read(self) -> AsyncApi:
        channels = {}
        for name, stated in self.root.child("channels").items():
            node = self.refs.follow(stated)
            if node is not None:
                channels[name] = self._channel(name, stated, node)
        operations = {}
        for name, stated in self.root.child("operations").items():
            node = self.refs.follow(stated)
            if node is not None:
                operation = self._operation(name, stated, node, channels)
                if operation is not None:
                    operations[name] = operation
        self.schemas.finish()
        return AsyncApi(self.root, channels, operations)

    def _refuse(self, node: Node, *keys: str) -> None:
        for key in keys:
            if node.get(key) is not None:
                self.report.add(node.child(key).key, "unsupported", f"`{key}` cannot be compiled")

    def _channel(self, name: str, stated: Node, node: Node) -> AsyncChannel:
        self._refuse(node, "parameters", "traits")
        messages = {}
        for key, listed in node.child("messages").items():
            target = self.refs.follow(listed)
            if target is not None:
                messages[key] = self._message(key, target)
        return AsyncChannel(
            name,
            node.text("address"),
            self._transport(node),
            messages,
            stated.key,
            bindings=node.child("bindings").sorted_plain(),
            doc=node.text("description") or node.text("summary"),
            topics=tuple(
                Topic(address, one.text("watches"), one.maybe_text("sends"), one.key)
                for address, one in sorted(node.child("x-topics").items())
            ),
            close_codes=tuple(
                (code, str(one.value), one.key)
                for code, one in sorted(node.child("x-close-codes").items())
            ),
            subprotocol=node.text("x-subprotocol"),
        )

    def _transport(self, node: Node) -> str:
        """The channel's one transport, by its servers' protocols."""
        listed = node.child("servers").elements()
        servers = [self.refs.follow(server) for server in listed]
        if not listed:
            servers = [self.refs.follow(one) for _, one in self.root.child("servers").items()]
        protocols = sorted({server.text("protocol") for server in servers if server})
        known = sorted({TRANSPORTS[one] for one in protocols if one in TRANSPORTS})
        for protocol in protocols:
            if protocol not in TRANSPORTS:
                message = f"the protocol {protocol!r} cannot be compiled"
                self.report.add(node.key, "unsupported-transport", message)
        if len(known) != 1 and len(known) == len(protocols):
            found = " and ".join(known) if known else "none"
            message = f"a channel has one transport, this has {found}"
            self.report.add(node.key, "unsupported-transport", message)
        return known[0] if known else ""

    def _message(self, key: str, node: Node) -> AsyncMessage:
        if id(node) in self.messages:
            return self.messages[id(node)]
        self._refuse(node, "traits", "correlationId")
        payload = node.get("payload")
        if payload is None:
            self.report.add(node.key, "missing-key", "a message needs 'payload'")
        type = self.schemas.of(payload) if payload else Type("any", node.span)
        if node.get("headers") is not None:
            self.schemas.of(node.child("headers"))
        message = AsyncMessage(
            node.text("name", key),
            node.key,
            type,
            key=node.text("x-key"),
            subject=node.text("x-subject"),
            doc=node.text("summary") or node.text("description"),
        )
        fields = {field.name: field for field in self.schemas.expand(type).fields}
        kind, data = fields.get("type"), fields.get("data")
        if payload is not None and "specversion" in fields and kind and data and kind.type.enum:
            message = self._event(message, payload, kind, data)
            others = (field for name, field in fields.items() if name != "data")
            message = replace(message, envelope=tuple(others))
        self.messages[id(node)] = message
        return message

    def _event(
        self, message: AsyncMessage, payload: Node, kind: Field, data: Field
    ) -> AsyncMessage:
        """The message as an event: what its envelope's `data` is."""
        node = self._data_node(payload)
        view = node.get("x-view") if node else None
        type = self.schemas.expand(data.type)
        return replace(
            message,
            event=str(kind.type.enum[0]),
            data=type,
            view=str(view.value) if view else None,
            view_span=view.span if view else None,
            data_span=(node or payload).key,
        )

    def _data_node(self, payload: Node) -> Node | None:
        """The schema of `data`, through the payload's allOf and `$ref`s."""
        found: Node | None = None
        for part in (payload, *payload.child("allOf").elements()):
            target = self.refs.follow(part)
            data = target.child("properties").get("data") if target else None
            if data is not None:
                found = self.refs.follow(data) or found
        return found

    def _operation(
        self, id: str, stated: Node, node: Node, channels: dict[str, AsyncChannel]
    ) -> AsyncOperation | None:
        self._refuse(node, "reply", "traits")
        text = node.child("channel").text("$ref")
        name = text.removeprefix("#/channels/").replace("~1", "/").replace("~0", "~")
        if name not in channels:
            message = f"there is no channel at {text!r}"
            self.report.add(node.child("channel").span, "unknown-channel", message)
            return None
        channel = channels[name]
        listed = node.child("messages").elements()
        messages = []
        for element in listed:
            pointer = element.text("$ref")
            key = pointer.removeprefix(f"{text}/messages/").replace("~1", "/").replace("~0", "~")
            if key not in channel.messages:
                message = f"{pointer!r} is no message of the channel {name!r}"
                self.report.add(element.span, "unknown-message", message)
            else:
                messages.append((key, element.span))
        if not listed:
            messages = [(key, stated.key) for key in sorted(channel.messages)]
        service = node.get("x-service")
        return AsyncOperation(
            id,
            node.text("action"),
            name,
            tuple(sorted(messages)),
            node.maybe_text("x-service"),
            service.span if service else stated.key,
            tuple(sorted((str(one.value), one.span) for one in node.child("x-emits").elements())),
            stated.key,
            doc=node.text("summary") or node.text("description"),
        )
