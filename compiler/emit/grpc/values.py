"""`grpc/enums.py`, `reading.py`, `writing.py` and `answers.py`: messages and what they mean.

Reading turns a request into the values that REST's JSON would hold, so that one set of bounds judges
both. Writing turns models into messages; answers turns messages into models again, for clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from keyword import iskeyword

from compiler import naming
from compiler.emit.grpc.protos import ProtoField, ProtoMessage, Protos
from compiler.emit.lines import Module, literal
from compiler.emit.types import Names, success_media
from compiler.ir import Contract, Field, Operation, Rpc, Type


def emit(contract: Contract, protos: Protos) -> dict[str, str]:
    """The four modules."""
    values = Values(contract, protos)
    modules = (values.enums(), values.reading(), values.writing(), values.answers())
    return {module.path: module.text() for module in modules}


def rpcs(contract: Contract) -> Iterator[tuple[Operation | None, Rpc]]:
    """Every rpc, with its operation; None for those that watch."""
    for operation in contract.operations:
        if operation.rpc is not None:
            yield operation, operation.rpc
    for stream in contract.streams:
        yield None, stream.rpc


def got(owner: str, field: str) -> str:
    """The expression that reads a field; `from` is no attribute in Python."""
    return f"getattr({owner}, {literal(field)})" if iskeyword(field) else f"{owner}.{field}"


def put(values: list[tuple[str, str]]) -> str:
    """Keyword arguments of a message."""
    plain = [f"{name}={value}" for name, value in values if not iskeyword(name)]
    odd = [f"{literal(name)}: {value}" for name, value in values if iskeyword(name)]
    return ", ".join([*plain, *([f"**{{{', '.join(odd)}}}"] if odd else [])])


class Values:
    """What is known of messages and schemas together."""

    def __init__(self, contract: Contract, protos: Protos) -> None:
        self.contract = contract
        self.protos = protos
        self.names = Names.of(contract)
        self.schemas = {schema.name: schema for schema in contract.schemas}
        requests: list[str] = []
        inputs: list[str] = []
        outputs: list[str] = []
        # A refusal carries its Problem beside the answer.
        outputs += [name for name in ("Problem",) if name in protos.messages]
        for operation, rpc in rpcs(contract):
            outputs.append(rpc.response)
            requests.append(rpc.request)
            message = protos.messages[rpc.request]
            if operation is not None and operation.internal:
                continue
            inputs += [field.of for field in message.fields if field.kind == "message"]
        self.requests = sorted(set(requests))
        # The parts of requests that clients send, and of answers that they read.
        self.inputs = [m for m in protos.reached(inputs) if m.name in self.schemas]
        self.outputs = [m for m in protos.reached(outputs) if m.name in self.schemas]

    # --- enums ------------------------------------------------------------------------------------

    def enums(self) -> Module:
        """A table of each enum, from the contract's values to the proto's."""
        module = Module("grpc/enums.py", "The enums' values, from the contract's names and back.")
        for name, enum in sorted(self.protos.enums.items()):
            values = self._values(name)
            if not values:
                continue
            pb = module.use("generated.grpc", enum.module)
            module.gap()
            module.line(f"{naming.constant(name)}: dict[str, {pb}.{name}] = {{")
            for value, symbol in values:
                module.line(f"    {literal(value)}: {pb}.{symbol},")
            module.line("}")
            module.line(f"{naming.constant(name)}_NAMES: dict[int, str] = {{")
            module.line(f"    number: name for name, number in {naming.constant(name)}.items()")
            module.line("}")
        return module

    def _values(self, name: str) -> list[tuple[str, str]]:
        """(value in the contract, the proto's symbol), `_UNSPECIFIED` left out."""
        schema = self.schemas.get(name)
        if schema is None:
            return []
        prefix = f"{naming.constant(name)}_"
        told = {symbol: number for symbol, number in self.protos.enums[name].values if number}
        found = []
        for value in schema.type.enum:
            if isinstance(value, str):
                symbol = next((s for s in told if _same(s.removeprefix(prefix), value)), None)
                if symbol is not None:
                    found.append((value, symbol))
        return found

    # --- reading ----------------------------------------------------------------------------------

    def reading(self) -> Module:
        """Requests as values."""
        module = Module(
            "grpc/reading.py", "Requests as the values that REST's JSON would hold: not judged yet."
        )
        for message in self.inputs:
            self._read_part(module, message)
        internal = {
            o.rpc.request: o for o in self.contract.operations if o.internal and o.rpc is not None
        }
        targets = {rpc.request: dict(rpc.arguments) for _, rpc in rpcs(self.contract)}
        for name in self.requests:
            message = self.protos.messages[name]
            if name in internal:
                self._read_internal(module, message, internal[name])
                continue
            targets_of = targets[name]
            start = next((r for _, r in rpcs(self.contract) if r.request == name and r.start), None)
            if start is not None:
                field = next(f for f in message.fields if f.name == start.start)
                message = self.protos.messages[field.of]
            self._read_request(module, message, targets_of)
        return module

    def _head(self, module: Module, message: ProtoMessage) -> str:
        values = f"dict[str, {module.use('typing', 'Any')}]"
        pb = module.use_type("generated.grpc", message.module)
        module.gap()
        return f"def {message.function}(message: {pb}.{message.name}) -> {values}:"

    def _read_part(self, module: Module, message: ProtoMessage) -> None:
        fields = {naming.snake(f.name): f for f in self.schemas[message.name].type.fields}
        with module.block(self._head(module, message)):
            module.doc(f"{message.name} as JSON has it.")
            pairs = [
                (fields[field.name].name, field) for field in message.fields if field.name in fields
            ]
            self._fill(module, pairs, self._read_item)

    def _read_request(self, module: Module, message: ProtoMessage, targets: dict[str, str]) -> None:
        with module.block(self._head(module, message)):
            module.doc("The arguments, by the handler's names.")
            pairs = [
                (targets[field.name], field) for field in message.fields if field.name in targets
            ]
            self._fill(module, pairs, self._read_item)

    def _fill(
        self,
        module: Module,
        pairs: list[tuple[str, ProtoField]],
        item: Callable[[Module, ProtoField, str], str],
    ) -> None:
        sure = [(key, field) for key, field in pairs if not (field.presence or _many(field))]
        inner = ", ".join(
            f"{literal(key)}: {item(module, field, got('message', field.name))}"
            for key, field in sure
        )
        unsure = [(key, field) for key, field in pairs if field.presence or _many(field)]
        if not unsure:
            module.line(f"return {{{inner}}}")
            return
        module.line(f"values: dict[str, {module.use('typing', 'Any')}] = {{{inner}}}")
        for key, field in unsure:
            value = got("message", field.name)
            there = value if _many(field) else f"message.HasField({literal(field.name)})"
            with module.block(f"if {there}:"):
                if field.repeated:
                    each = item(module, field, "each")
                    many = f"list({value})" if each == "each" else f"[{each} for each in {value}]"
                    module.line(f"values[{literal(key)}] = {many}")
                else:
                    module.line(f"values[{literal(key)}] = {item(module, field, value)}")
        module.line("return values")

    def _read_item(self, module: Module, field: ProtoField, value: str) -> str:
        if field.kind == "enum":
            # What has no name is no value: the parsers refuse an empty one, with a pointer.
            return f"{self._table(module, field.of)}_NAMES.get({value}, '')"
        if field.kind == "message":
            if field.of in self.schemas:
                return f"{self.protos.messages[field.of].function}({value})"
            return f"{module.use('runtime.grpc.fields', 'plain')}({value})"
        if field.kind == "map":
            return f"{module.use('runtime.grpc.fields', 'plain_map')}({value})"
        if field.kind == "bytes":
            return f"{module.use('runtime.grpc.fields', 'text_of')}({value})"
        return value

    def _table(self, module: Module, enum: str) -> str:
        module.use("generated.grpc", "enums")
        return f"enums.{naming.constant(enum)}"

    def _read_internal(self, module: Module, message: ProtoMessage, operation: Operation) -> None:
        """Between services the values are typed at once: who sends them is one of us."""
        arguments = {naming.snake(field.name): field for field in operation.arguments}
        with module.block(self._head(module, message)):
            module.doc("The handler's arguments.")
            if not arguments:
                module.line("return {}")
                return
            pairs = [(arguments[f.name], f) for f in message.fields if f.name in arguments]
            inner = ", ".join(
                f"{literal(argument.python)}: {self._model(module, argument, field, typed=True)}"
                for argument, field in pairs
            )
            module.line(f"return {{{inner}}}")

    # --- writing ----------------------------------------------------------------------------------

    def writing(self) -> Module:
        """Models as messages."""
        module = Module("grpc/writing.py", "Models as messages.")
        every = {message.name: message for message in (*self.inputs, *self.outputs)}
        for _, message in sorted(every.items()):
            fields = {naming.snake(f.name): f for f in self.schemas[message.name].type.fields}
            pb = module.use("generated.grpc", message.module)
            kind = module.use_type("generated.models", self.names.schemas[message.name])
            module.gap()
            with module.block(f"def {message.function}(value: {kind}) -> {pb}.{message.name}:"):
                module.doc(f"{message.name} as it travels.")
                values = [
                    (field.name, self.written(module, fields[field.name], field, "value"))
                    for field in message.fields
                    if field.name in fields
                ]
                module.line(f"return {pb}.{message.name}({put(values)})")
        return module

    def written(self, module: Module, of: Field, field: ProtoField, owner: str) -> str:
        """The expression that writes `owner`'s attribute into a message's field."""
        value = f"{owner}.{of.python}" if owner else of.python
        unsure = of.type.nullable or not (of.required or of.has_default)
        return self.sent(module, of.type, field, value, unsure=unsure)

    def sent(
        self, module: Module, type: Type, field: ProtoField, value: str, *, unsure: bool
    ) -> str:
        """The expression that turns a value into a message's field; None leaves it out."""
        type = self._resolved(type)
        if field.repeated and type.item is not None:
            each = self._write_item(module, type.item, field, "each")
            many = f"{value} or ()" if unsure else value
            if each == "each":
                return many
            return f"[{each} for each in {f'({many})' if unsure else many}]"
        text = self._write_item(module, type, field, value)
        return f"None if {value} is None else {text}" if unsure and text != value else text

    def _write_item(self, module: Module, type: Type, field: ProtoField, value: str) -> str:
        type = self._resolved(type)
        if field.kind == "enum":
            return f"{self._table(module, field.of)}[{value}]"
        if field.kind == "message":
            if field.of in self.schemas:
                function = self.protos.messages[field.of].function
                return f"{self._part(module, 'writing')}{function}({value})"
            return f"{module.use('runtime.grpc.fields', 'structured')}({value})"
        if field.kind == "string":
            if type.format == "date-time":
                return f"{module.use('runtime.scalar', 'rfc3339')}({value})"
            if type.format == "date":
                return f"{value}.isoformat()"
            if type.format == "decimal":
                return f"str({value})"
        return value

    def _part(self, module: Module, where: str) -> str:
        if module.path == f"grpc/{where}.py":
            return ""
        module.use("generated.grpc", where)
        return f"{where}."

    # --- answers ----------------------------------------------------------------------------------

    def answers(self) -> Module:
        """Messages as models."""
        module = Module(
            "grpc/answers.py",
            "Messages as models: what a service of ours has answered is not judged again.",
        )
        for message in self.outputs:
            schema = self.schemas[message.name]
            told = {field.name: field for field in message.fields}
            pb = module.use_type("generated.grpc", message.module)
            kind = module.use("generated.models", self.names.schemas[message.name])
            assemble = module.use("runtime.model", "assemble")
            module.gap()
            with module.block(f"def {message.function}(message: {pb}.{message.name}) -> {kind}:"):
                module.doc(f"The {message.name} in a message.")
                inner = ", ".join(
                    f"{literal(field.python)}: {self._model(module, field, told[snake])}"
                    if (snake := naming.snake(field.name)) in told
                    else f"{literal(field.python)}: None"
                    for field in schema.type.fields
                )
                module.line(f"return {assemble}({kind}, {{{inner}}})")
        return module

    def _model(self, module: Module, of: Field, field: ProtoField, *, typed: bool = False) -> str:
        value = got("message", field.name)
        type = self._resolved(of.type)
        if field.repeated and type.item is not None:
            each = self._model_item(module, type.item, field, "each")
            return f"list({value})" if each == "each" else f"[{each} for each in {value}]"
        text = self._model_item(module, of.type, field, value)
        if field.presence and not (field.kind == "message" and of.required and not typed):
            return f"{text} if message.HasField({literal(field.name)}) else None"
        return text

    def _model_item(self, module: Module, type: Type, field: ProtoField, value: str) -> str:
        resolved = self._resolved(type)
        if field.kind == "enum":
            enum = module.use("generated.models", self.names.schemas[field.of])
            member = module.use("runtime.grpc.fields", "member")
            return f"{member}({enum}, {self._table(module, field.of)}_NAMES, {value})"
        if field.kind == "message":
            if field.of in self.schemas:
                function = self.protos.messages[field.of].function
                return f"{self._part(module, 'answers')}{function}({value})"
            return f"{module.use('runtime.grpc.fields', 'plain')}({value})"
        if field.kind == "map":
            return f"{module.use('runtime.grpc.fields', 'plain_map')}({value})"
        if field.kind == "string":
            if resolved.format == "date-time":
                return f"{module.use('runtime.scalar', 'instant')}({value})"
            if resolved.format == "date":
                return f"{module.use('datetime', 'date')}.fromisoformat({value})"
            if resolved.format == "decimal":
                return f"{module.use('decimal', 'Decimal')}({value})"
        return value

    def _resolved(self, type: Type) -> Type:
        while type.kind == "ref" and type.ref:
            type = self.schemas[type.ref].type
        return type

    def empty(self, rpc: Rpc, operation: Operation) -> bool:
        """Whether the answer says nothing but that it is done."""
        if operation.internal:
            return operation.result is None
        return success_media(operation) is None


def _many(field: ProtoField) -> bool:
    return field.repeated or field.kind == "map"


def _same(symbol: str, value: str) -> bool:
    return naming.words(symbol) == naming.words(value) or symbol == value.upper()
