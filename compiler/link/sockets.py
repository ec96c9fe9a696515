"""A socket's topics, close codes and frames, held to the operations that they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compiler import naming
from compiler.ir import Operation, Topic, Type
from compiler.parse.asyncapi import AsyncChannel
from compiler.source import Report, Span

_ADDRESS = re.compile(r"[a-z][A-Za-z0-9]*(/\{[a-z][A-Za-z0-9]*\})?\Z")
# What a client must be able to send, and to get, where there are topics.
RECEIVED = ("ping", "pong", "send", "signIn", "subscribe", "unsubscribe")
SENT = ("ack", "error", "event", "ping", "pong")


@dataclass
class SocketLinker:
    """Checks one channel. `operations` are by id."""

    channel: AsyncChannel
    operations: Mapping[str, Operation]
    report: Report

    def topics(self, received: tuple[str, ...], sent: tuple[str, ...]) -> tuple[Topic, ...]:
        """The topics; what does not fit is reported."""
        channel = self.channel
        if not channel.topics:
            return ()
        if channel.transport != "ws":
            text = f"{channel.name} has topics, which only a socket has"
            self.report.add(channel.topics[0].span, "unsupported", text)
            return ()
        for direction, wanted, there in (("get", RECEIVED, received), ("send", SENT, sent)):
            for name in wanted:
                if name not in there:
                    text = f"{channel.name} has topics, so it must {direction} {name!r} frames"
                    self.report.add(channel.span, "unknown-message", text)
        heads: dict[str, Topic] = {}
        for topic in channel.topics:
            known = heads.setdefault(topic.head, topic)
            if known is not topic:
                text = f"{topic.address!r} and {known.address!r} cannot be told apart"
                self.report.add(topic.span, "same-path", text)
            self._topic(topic)
        return channel.topics

    def close_codes(self) -> tuple[tuple[int, str], ...]:
        """(code, why), in order."""
        found = []
        for code, text, span in self.channel.close_codes:
            if not re.fullmatch(r"1[0-9]{3}|4[0-9]{3}", code):
                wrong = f"{code!r} is no close code: 1000 to 1999, or 4000 to 4999 of one's own"
                self.report.add(span, "bad-value", wrong)
            else:
                found.append((int(code), text))
        return tuple(found)

    def _topic(self, topic: Topic) -> None:
        if not _ADDRESS.match(topic.address):
            text = f"{topic.address!r} is no address of the form `name` or `name/{{parameter}}`"
            self.report.add(topic.span, "bad-path", text)
            return
        watched = self._operation(topic.watches, topic.span)
        said = self._operation(topic.sends, topic.span) if topic.sends else None
        wanted = [topic.argument] if topic.argument else []
        for operation in (watched, said):
            if operation is None or operation.rest is None:
                continue
            asked = [p.name for p in operation.rest.parameters if p.location == "path"]
            if asked != wanted:
                text = (
                    f"{operation.id} is asked with {', '.join(asked) or 'nothing'}, "
                    f"{topic.address!r} gives {', '.join(wanted) or 'nothing'}"
                )
                self.report.add(topic.span, "path-parameter", text)
        if said is not None and said.rest is not None:
            self._payload(said, topic.span)

    def _payload(self, said: Operation, span: Span) -> None:
        """What a `send` frame carries is what the operation takes."""
        assert said.rest is not None
        body = said.rest.body
        taken = body.content[0].type.ref if body else None
        for message in self.channel.messages.values():
            if message.name != "send":
                continue
            fields: dict[str, Type] = {f.name: f.type for f in message.payload.fields}
            carried = fields["payload"].ref if "payload" in fields else None
            if carried != taken or taken is None:
                text = f"{said.id} takes {taken or 'no JSON'}, a send frame carries {carried}"
                self.report.add(span, "type-mismatch", text)

    def _operation(self, id: str, span: Span) -> Operation | None:
        found = self.operations.get(id)
        if found is None or found.rest is None:
            near = naming.nearest(id, self.operations)
            self.report.add(span, "unknown-operation", f"there is no operation {id!r}{near}")
        return found
