"""`inputs.py`: how each operation's arguments are read, for every protocol."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.types import PIPELINE_HEADERS, Names, json_body
from compiler.ir import Contract, Operation, Parameter, Schema, Type


def emit(contract: Contract) -> dict[str, str]:
    """`inputs.py`."""
    return {"inputs.py": _Inputs(contract).text()}


def read_parameters(operation: Operation) -> list[Parameter]:
    """The parameters that become arguments; those of the pipeline are the call's."""
    assert operation.rest is not None
    return [
        p
        for p in operation.rest.parameters
        if not (p.location == "header" and p.name.lower() in PIPELINE_HEADERS)
    ]


def param_name(operation: Operation, parameter: Parameter) -> str:
    """The constant that reads the parameter."""
    return f"{operation.python.upper()}_{parameter.python.upper()}"


def body_name(annotation: str) -> str:
    """The constant that reads JSON bodies of a type."""
    return f"READ_{shout(annotation)}"


def shout(annotation: str) -> str:
    """A type's name as that of a constant."""
    snake = "".join(f"_{c}" if c.isupper() else c for c in annotation)
    return "".join(c if c.isalnum() else "_" for c in snake).strip("_").upper()


class _Inputs:
    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.names = Names.of(contract)
        self.schemas: dict[str, Schema] = {schema.name: schema for schema in contract.schemas}
        self.module = Module("inputs.py", "How each operation's arguments are read.")
        self.bodies: dict[str, str] = {}

    def text(self) -> str:
        module = self.module
        rested = [operation for operation in self.contract.operations if operation.rest]
        for operation in rested:
            self._declare(operation)
        inputs = module.use("runtime.inputs", "Inputs")
        module.gap()
        module.line("# Operation → its arguments.")
        module.line(f"INPUTS: dict[str, {inputs}] = {{")
        for operation in rested:
            module.line(f"    {literal(operation.id)}: {inputs}({self._arguments(operation)}),")
        module.line("}")
        return module.text()

    def _arguments(self, operation: Operation) -> str:
        pairs = ", ".join(
            f"({literal(parameter.python)}, {param_name(operation, parameter)})"
            for parameter in read_parameters(operation)
        )
        text = f"({pairs},)" if pairs else "()"
        if json_body(operation) and operation.rest and operation.rest.body:
            annotation = self._annotation(operation.rest.body.content[0].type)
            text += f", {self.bodies[annotation]}"
            text += "" if operation.rest.body.required else ", required=False"
        return text

    def _annotation(self, type: Type) -> str:
        return self.names.annotation(self.module, type, typing_only=False)

    def _declare(self, operation: Operation) -> None:
        module = self.module
        for parameter in read_parameters(operation):
            param = module.use("runtime.decode", "Param")
            pointer = {"path": f"path:{parameter.name}", "query": f"?{parameter.name}"}.get(
                parameter.location, f"{parameter.location}:{parameter.name}"
            )
            options = ", required=True" if parameter.required else ""
            if parameter.has_default:
                options += f", default={self._default(parameter)}"
            module.line(
                f"{param_name(operation, parameter)} = {param}({literal(parameter.name)}, "
                f"{literal(pointer)}, {self._parser(parameter.type, parameter)}{options})"
            )
        rest = operation.rest
        assert rest is not None
        if rest.body and json_body(operation):
            annotation = self._annotation(rest.body.content[0].type)
            if annotation not in self.bodies:
                self.bodies[annotation] = body_name(annotation)
                reader = module.use("runtime.decode", "JsonBody")
                module.line(
                    f"{self.bodies[annotation]}: {reader}[{annotation}] = {reader}({annotation})"
                )

    def _resolved(self, type: Type) -> tuple[Type, str | None]:
        name = None
        while type.kind == "ref" and type.ref:
            name = type.ref
            type = self.schemas[type.ref].type
        return type, name

    def _default(self, parameter: Parameter) -> str:
        type, name = self._resolved(parameter.type)
        if type.enum and name:
            self.module.use("generated.models", self.names.schemas[name])
            return f"{self.names.schemas[name]}({literal(parameter.default)})"
        return literal(parameter.default)

    def _parser(self, type: Type, parameter: Parameter) -> str:
        """The call that makes a text's parser, from runtime.decode."""
        type, name = self._resolved(type)
        bounds = type.bounds
        use = self.module.use
        if type.enum and name and type.kind == "string":
            enum = use("generated.models", self.names.schemas[name])
            return f"{use('runtime.decode', 'choice')}({enum})"
        if type.enum:
            return f"{use('runtime.decode', 'one_of')}({literal(type.enum)[1:-1]})"
        if type.kind in ("integer", "number"):
            least, most = bounds.minimum, bounds.maximum
            return f"{use('runtime.decode', type.kind)}({literal(least)}, {literal(most)})"
        if type.kind == "boolean":
            return f"{use('runtime.decode', 'boolean')}()"
        if type.kind == "array" and type.item:
            inner = self._parser(type.item, parameter)
            separator = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(parameter.style, ",")
            return (
                f"{use('runtime.decode', 'array')}({inner}, {literal(bounds.min_items)}, "
                f"{literal(bounds.max_items)}, {literal(separator)})"
            )
        maker = {"date": "day", "date-time": "moment", "decimal": "decimal"}.get(
            type.format or "", "text"
        )
        return (
            f"{use('runtime.decode', maker)}({literal(bounds.min_length)}, "
            f"{literal(bounds.max_length)}, {literal(bounds.pattern)})"
        )
