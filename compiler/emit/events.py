"""`events.py`: a class an event type, and the table that decodes and routes them."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.types import Names
from compiler.ir import Contract, Event, Field


def emit(contract: Contract) -> dict[str, str]:
    """`events.py`."""
    module = Module("events.py", "The events, typed, and who takes which.")
    names = Names.of(contract)
    for event in contract.events:
        _event(module, event, names)
    module.gap()
    module.line("# Event type → its class.")
    any_ = module.use("typing", "Any")
    module.line(f"EVENTS: dict[str, {any_}] = {{")
    for event in contract.events:
        module.line(f"    {literal(event.type)}: {event.python},")
    module.line("}")
    rule = module.use("runtime.consume", "ConsumerRule")
    module.gap()
    module.line("# The contract's consumers: name, service, method, channel, event types.")
    module.line(f"CONSUMERS: tuple[{rule}, ...] = (")
    for consumer in contract.consumers:
        values = (consumer.id, consumer.service, consumer.python, consumer.channel)
        types = literal(tuple(consumer.events))
        module.line(f"    {rule}({', '.join(map(literal, values))}, frozenset({types})),")
    module.line(")")
    return {module.path: module.text()}


def _event(module: Module, event: Event, names: Names) -> None:
    dataclass = module.use("dataclasses", "dataclass")
    envelope = module.use("runtime.ports", "Envelope")
    payload = module.use("runtime.consume", "Payload")
    module.gap()
    fields = event.data.fields
    annotations: dict[str, str] = {}
    for field in fields:
        text = names.annotation(module, field.type, typing_only=False)
        if _optional(field) and not text.endswith("| None"):
            text += " | None"
        annotations[field.python] = text
    constant = f"_{event.python.upper()}"
    wire = {field.python: field.name for field in fields}
    module.line(f"{constant} = {payload}({literal(wire)}, {{")
    for name, text in annotations.items():
        module.line(f"    {literal(name)}: {text},")
    module.line("})")
    module.gap()
    module.line(f"@{dataclass}(frozen=True, slots=True)")
    with module.block(f"class {event.python}:"):
        module.doc(event.doc or f"`{event.type}`.")
        module.line()
        for field in sorted(fields, key=_optional):
            default = " = None" if _optional(field) else ""
            module.line(f"{field.python}: {annotations[field.python]}{default}")
        module.line()
        with module.block(
            f'def envelope(self, id: str, time: str, traceparent: str = "") -> {envelope}:'
        ):
            module.doc("The event as it travels (CloudEvents 1.0).")
            module.line(f"return {envelope}(")
            module.line("    id=id,")
            module.line(f"    type={literal(event.type)},")
            module.line(f"    channel={literal(event.channel)},")
            module.line(f"    key={_reach(event, event.key)},")
            module.line(f"    subject={_reach(event, event.subject)},")
            module.line(f"    version={_version(event)},")
            module.line("    time=time,")
            module.line(f"    data={constant}.write(self),")
            module.line("    traceparent=traceparent,")
            module.line(")")
        module.line()
        module.line("@classmethod")
        with module.block(f"def decode(cls, envelope: {envelope}) -> {event.python}:"):
            module.doc("The event that `envelope` carries. Raises ValueError.")
            module.line(f"return cls(**{constant}.read(envelope.data))")


def _optional(field: Field) -> bool:
    return not field.required or field.type.nullable


def _reach(event: Event, path: str) -> str:
    """An expression for `budgetId`, or `id`: in the view itself, or in what the entity is now or
    was.
    """
    own = {field.name: field for field in event.data.fields}
    if path in own:
        return f"self.{own[path].python}"
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in path)
    return f"{_entity(event)}.{snake}"


def _entity(event: Event) -> str:
    own = {field.name: field for field in event.data.fields}
    after, before = own.get("after"), own.get("before")
    if after and not _optional(after):
        return "self.after"
    if before and not _optional(before):
        return "self.before"
    raise ValueError(f"{event.type} has neither a certain before nor a certain after")


def _version(event: Event) -> str:
    own = {field.name for field in event.data.fields}
    if "version" in own:
        return "self.version"
    return f"{_entity(event)}.version" if own & {"before", "after"} else "1"
