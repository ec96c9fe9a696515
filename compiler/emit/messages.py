"""`messages.py`: each event as it is on the wire, a CloudEvent, as a pydantic model.

Brokers are wired and documented with these; what reads and writes them fast is events.py.
"""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.types import Names
from compiler.ir import Bounds, Contract, Event, Field

# Keyword of pydantic's Field by the bound of JSON Schema.
_KEYWORDS = (
    ("min_length", "min_length"),
    ("max_length", "max_length"),
    ("pattern", "pattern"),
    ("minimum", "ge"),
    ("maximum", "le"),
    ("min_items", "min_length"),
    ("max_items", "max_length"),
)


def emit(contract: Contract) -> dict[str, str]:
    """`messages.py`; nothing without events."""
    if not contract.events:
        return {}
    module = Module("messages.py", "The events as they are on the wire: CloudEvents 1.0.")
    names = Names.of(contract)
    model = module.use("runtime.cloudevents", "CloudEventModel")
    shared = _shared(contract.events)
    with module.block(f"class CloudEvent({model}):"):
        module.doc("What every event has around its data.")
        module.line()
        for field in shared:
            module.line(_line(module, names, field))
    for event in contract.events:
        _event(module, names, event, shared)
    return {module.path: module.text()}


def message_class(event: Event) -> str:
    """How an event's message is called."""
    return f"{event.python}Message"


def _shared(events: tuple[Event, ...]) -> tuple[Field, ...]:
    """The fields that all events have alike, but for their type."""
    first, *others = (
        {field.name: field for field in event.envelope if field.name != "type"} for event in events
    )
    return tuple(
        field for name, field in first.items() if all(other.get(name) == field for other in others)
    )


def _event(module: Module, names: Names, event: Event, shared: tuple[Field, ...]) -> None:
    model = module.use("runtime.model", "Model")
    module.gap()
    with module.block(f"class {event.python}Data({model}):"):
        module.doc(event.doc or f"`{event.type}`.")
        module.line()
        for field in event.data.fields:
            module.line(_line(module, names, field))
    module.gap()
    with module.block(f"class {message_class(event)}(CloudEvent):"):
        module.doc(f"`{event.type}`.")
        module.line()
        known = {field.name for field in shared}
        for field in event.envelope:
            if field.name not in known:
                module.line(_line(module, names, field))
        module.line(f"data: {event.python}Data")


def _line(module: Module, names: Names, field: Field) -> str:
    text = names.annotation(module, field.type, typing_only=False)
    optional = not field.required or field.type.nullable
    if optional and not text.endswith("| None"):
        text += " | None"
    stated = field.type.kind == "ref" or field.type.enum
    arguments = [] if stated else _bounds(field.type.bounds)
    if field.python != field.name:
        arguments.insert(0, f"alias={literal(field.name)}")
    if arguments:
        annotated = module.use("typing", "Annotated")
        text = f"{annotated}[{text}, {module.use('pydantic', 'Field')}({', '.join(arguments)})]"
    return f"{field.python}: {text}{' = None' if optional else ''}"


def _bounds(bounds: Bounds) -> list[str]:
    found = [(keyword, getattr(bounds, name)) for name, keyword in _KEYWORDS]
    return [f"{keyword}={literal(value)}" for keyword, value in found if value is not None]
