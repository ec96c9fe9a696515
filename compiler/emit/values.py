"""`values.py`: the Python types of arguments and answers, for what interprets the contract."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.models import is_json
from compiler.emit.types import PIPELINE_HEADERS, Names, json_body, success_media
from compiler.ir import Contract, Operation, Parameter


def wire_name(parameter: Parameter) -> str:
    """`query:from`: a name alone may stand in several places."""
    return f"{parameter.location}:{parameter.name}"


def emit(contract: Contract) -> dict[str, str]:
    """`values.py`."""
    module = Module(
        "values.py",
        "The Python types of each operation's arguments and answer: for idempotency records, and "
        "for what interprets the contract.",
    )
    names = Names.of(contract)
    any_ = module.use("typing", "Any")
    rested = [operation for operation in contract.operations if operation.rest]
    module.line(
        "# Operation → place and name on the wire (`query:from`, `body`) → (argument, type)."
    )
    module.line(f"ARGUMENTS: dict[str, dict[str, tuple[str, {any_}]]] = {{")
    for operation in rested:
        assert operation.rest is not None
        module.line(f"    {literal(operation.id)}: {{")
        for parameter in operation.rest.parameters:
            if parameter.location == "header" and parameter.name.lower() in PIPELINE_HEADERS:
                continue
            text = names.annotation(module, parameter.type, typing_only=False)
            optional = not parameter.required and not parameter.has_default
            text += " | None" if optional and not text.endswith("| None") else ""
            module.line(
                f"        {literal(wire_name(parameter))}: ({literal(parameter.python)}, {text}),"
            )
        if json_body(operation) and operation.rest.body:
            media = operation.rest.body.content[0]
            text = names.annotation(module, media.type, typing_only=False)
            module.line(f"        {literal('body')}: ({literal('body')}, {text}),")
        module.line("    },")
    module.line("}")
    module.gap()
    module.line("# Operation → what it answers; None where that is nothing or a file.")
    module.line(f"RESULTS: dict[str, {any_}] = {{")
    for operation in rested:
        module.line(f"    {literal(operation.id)}: {_result(module, operation, names)},")
    module.line("}")
    return {module.path: module.text()}


def _result(module: Module, operation: Operation, names: Names) -> str:
    media = success_media(operation)
    if media is None or not is_json(media.name):
        return "None"
    return names.annotation(module, media.type, typing_only=False)
