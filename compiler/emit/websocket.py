"""`websocket.py`: a socket's frames, how they are read and written, and its topics."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.types import Names, Watched, success_media, watched
from compiler.ir import Channel, Contract, Field, Message, Topic, Type
from compiler.naming import attribute


def emit(contract: Contract) -> dict[str, str]:
    """`websocket.py`, where a channel has topics."""
    sockets = [channel for channel in contract.channels if channel.topics]
    if not sockets:
        return {}
    return {"websocket.py": _Socket(contract, sockets[0]).text()}


class _Socket:
    def __init__(self, contract: Contract, channel: Channel) -> None:
        self.contract = contract
        self.channel = channel
        self.names = Names.of(contract)
        self.messages = {message.name: message for message in contract.messages}
        self.module = Module(
            "websocket.py", "The socket's frames and topics, as AsyncAPI has them."
        )
        self.watched = {
            watch.operation.id: watch for watch in watched(self.module, contract, self.names)
        }

    def text(self) -> str:
        module = self.module
        for name in self.channel.received:
            message = self.messages[name]
            self._model(f"{message.python}Frame", message.payload, message.doc)
        for name in self.channel.sent:
            self._writer(self.messages[name])
        reader = module.use("runtime.decode", "JsonBody")
        any_ = module.use("typing", "Any")
        module.gap()
        module.line("# What a client sends, by its type.")
        module.line(f"READERS: dict[str, {reader}[{any_}]] = {{")
        for name in self.channel.received:
            module.line(f"    {literal(name)}: {reader}({self.messages[name].python}Frame),")
        module.line("}")
        self._topics()
        module.gap()
        module.line("# Why the server closes a socket.")
        module.line("CLOSE_CODES: dict[int, str] = {")
        for code, why in self.channel.close_codes:
            module.line(f"    {code}: {literal(why)},")
        module.line("}")
        frames = module.use("runtime.websocket.frames", "Frames")
        module.gap()
        module.line(f"FRAMES = {frames}(")
        module.line(f"    subprotocol={literal(self.channel.subprotocol)},")
        module.line("    readers=READERS,")
        module.line("    topics=TOPICS,")
        module.line("    close_codes=CLOSE_CODES,")
        for name in self.channel.sent:
            module.line(f"    {attribute(name)}=write_{attribute(name)},")
        module.line(")")
        return module.text()

    # ---- what clients send

    def _model(self, name: str, type: Type, doc: str) -> None:
        """A frame as a model, after those of the objects within it."""
        module = self.module
        rows: list[str] = []
        for field in sorted(type.fields, key=lambda field: not field.required):
            if field.type.kind == "object":
                self._model(f"{name}{field.name.title()}", field.type, field.doc)
            rows.append(self._attribute(name, field))
        base = module.use("runtime.model", "Model")
        module.gap()
        with module.block(f"class {name}({base}):"):
            module.doc(doc or f"The {name} of a frame.")
            module.line()
            for row in rows:
                module.line(row)

    def _attribute(self, owner: str, field: Field) -> str:
        """One attribute. An optional text is "" where it was left out, as null is no text."""
        module, type, bounds = self.module, field.type, field.type.bounds
        if type.kind == "object":
            text = f"{owner}{field.name.title()}"
        else:
            text = self.names.annotation(module, type, typing_only=False)
        facts = [f"alias={literal(field.name)}"] if field.python != field.name else []
        facts += [
            f"{name}={literal(value)}"
            for name, value in (
                ("min_length", bounds.min_length),
                ("max_length", bounds.max_length),
                ("pattern", bounds.pattern),
            )
            if value is not None and type.kind == "string" and not type.enum
        ]
        left_out = ""
        if not field.required:
            plain = type.kind == "string" and not type.format and not type.enum
            left_out = ' = ""' if plain else " = None"
            text += "" if plain or text.endswith("| None") else " | None"
        if facts:
            make = f"{module.use('pydantic', 'Field')}({', '.join(facts)})"
            text = f"{module.use('typing', 'Annotated')}[{text}, {make}]"
        return f"{field.python}: {text}{left_out}"

    # ---- what they get

    def _writer(self, message: Message) -> None:
        """A function that writes a frame: texts are quoted, all else is given as JSON."""
        module = self.module
        quoted = module.use("runtime.websocket.frames", "quoted")
        fields = [field for field in message.payload.fields if not _constant(field.type)]
        required = [field for field in fields if field.required]
        optional = [field for field in fields if not field.required]
        taken = [f"{field.python}: {_given(field)}" for field in required]
        if optional:
            taken.append("*")
        taken += [
            f'{field.python}: {_given(field)} = {"b" if _given(field) == "bytes" else ""}""'
            for field in optional
        ]
        module.gap()
        with module.block(f"def write_{attribute(message.name)}({', '.join(taken)}) -> str:"):
            module.doc(message.doc)
            pairs = [f'"type":{literal(message.name)}']
            pairs += [_pair(field, quoted) for field in _ordered(required)]
            # A part a line: nothing would cut a text with values in it.
            parts = [("{{" if at == 0 else ",") + pair for at, pair in enumerate(pairs)]
            parts[-1] += "" if optional else "}}"
            if not required:  # a text without values
                parts = [part.replace("{{", "{").replace("}}", "}") for part in parts]
            whole = "\n".join(f"{'f' if required else ''}'{part}'" for part in parts)
            whole = f"({whole})" if len(parts) > 2 else whole.replace("'\nf'", "")
            if not optional:
                module.line(f"return {whole}")
                return
            module.line(f"text = {whole}")
            for field in _ordered(optional):
                with module.block(f"if {field.python}:"):
                    module.line(f"text += f',{_pair(field, quoted)}'")
            module.line('return text + "}"')

    # ---- what they hear of

    def _topics(self) -> None:
        module = self.module
        topic_class = module.use("runtime.websocket.frames", "Topic")
        operations = module.use("generated", "operations")
        writer = module.use("runtime.encode", "json_writer")
        module.gap()
        module.line("# By the first part of a channel's name.")
        module.line(f"TOPICS: dict[str, {topic_class}] = {{")
        for topic in self.channel.topics:
            watch = self.watched[topic.watches]
            module.use("generated.models", watch.item)
            facts = [
                ("watches", f"{operations}.{watch.operation.python.upper()}"),
                ("kind", self._kind(watch)),
                ("write", f"{writer}({watch.item})"),
                ("prefix", literal(self._prefix(watch))),
            ]
            if topic.argument:
                facts.append(("argument", literal(self._argument(topic, watch))))
            after = [a.name for a in watch.arguments if a.default]
            if after:
                facts.append(("after", literal(after[0])))
            if topic.sends:
                said = next(o for o in self.contract.operations if o.id == topic.sends)
                answer = success_media(said)
                assert answer is not None, "the linker compared what is said with what is taken"
                given = self.names.annotation(module, answer.type, typing_only=False)
                facts.append(("sends", f"{operations}.{said.python.upper()}"))
                facts.append(("answer", f"{writer}({given})"))
            module.line(f"    {literal(topic.head)}: {topic_class}(")
            for name, value in facts:
                module.line(f"        {name}={value},")
            module.line("    ),")
        module.line("}")

    def _kind(self, watch: Watched) -> str:
        """How a client that was cut off gets what it missed."""
        kind = self.module.use("runtime.websocket.frames", "Kind")
        if any(argument.default for argument in watch.arguments):
            return f"{kind}.STREAM"
        return f"{kind}.{'LIST' if watch.operation.listing else 'STATE'}"

    def _argument(self, topic: Topic, watch: Watched) -> str:
        rest = watch.operation.rest
        assert rest is not None
        return next(p.python for p in rest.parameters if p.name == topic.argument)

    def _prefix(self, watch: Watched) -> str:
        """What the ids of the entities that come begin with."""
        for schema in self.contract.schemas:
            if schema.python == watch.item and schema.entity:
                return schema.entity.prefix
        return ""


def _constant(type: Type) -> bool:
    return type.kind == "string" and len(type.enum) == 1


def _given(field: Field) -> str:
    return "str" if field.type.kind == "string" else "bytes"


def _ordered(fields: list[Field]) -> list[Field]:
    """As the spec's readers expect a frame: its id, its channel, and what it carries at the end."""
    return sorted(fields, key=lambda field: (field.name == "payload", field.name != "id"))


def _pair(field: Field, quoted: str) -> str:
    if field.type.kind == "string":
        return f'"{field.name}":{{{quoted}({field.python})}}'
    return f'"{field.name}":{{{field.python}.decode()}}'
