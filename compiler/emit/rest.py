"""`rest.py`: a route an operation, straight-line: admit, decode, run, encode."""

from __future__ import annotations

import re

from compiler.emit.inputs import body_name, param_name, read_parameters, shout
from compiler.emit.lines import Module, literal
from compiler.emit.models import is_json
from compiler.emit.types import (
    Names,
    json_body,
    raw_operation,
    success,
    success_media,
    ticket_name,
)
from compiler.ir import Contract, Operation, Parameter, Type


def emit(contract: Contract) -> dict[str, str]:
    """`rest.py`."""
    return {"rest.py": _Rest(contract).text()}


class _Rest:
    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.names = Names.of(contract)
        self.schemas = {schema.name: schema for schema in contract.schemas}
        self.module = Module("rest.py", "The REST routes, compiled.")
        self.writers: dict[str, str] = {}

    def text(self) -> str:
        module = self.module
        routed = [op for op in self.contract.operations if op.rest]
        for operation in routed:
            self._declare(operation)
        gate = module.use_type("runtime.gate", "Gate")
        router = module.use("runtime.rest", "Router")
        module.gap()
        with module.block(f"def routes(gate: {gate}) -> {router}:"):
            module.doc("The contract's routes, each bound to its operation's chain in `gate`.")
            for operation in routed:
                self._route(operation)
            module.line()
            module.line(f"return {router}(")
            module.line("    (")
            for operation in routed:
                assert operation.rest is not None
                module.line(
                    f"        ({literal(operation.rest.method.upper())}, "
                    f"{literal(operation.rest.path)}, operations.{operation.python.upper()}, "
                    f"{operation.python}),"
                )
            module.line("    )")
            module.line(")")
        return module.text()

    # --- module level: how each parameter and body is read, each answer written ---

    def _declare(self, operation: Operation) -> None:
        module = self.module
        module.use("generated", "operations")
        rest = operation.rest
        assert rest is not None
        query = [p.name for p in rest.parameters if p.location == "query"]
        ticket = ticket_name(self.contract, operation)
        query += [ticket, "lastEventId"] if ticket else []
        if query:
            module.line(f"_{operation.python.upper()}_QUERY = frozenset(({literal(query)[1:-1]},))")
        media = success_media(operation)
        if media and is_json(media.name):
            annotation = self.names.annotation(module, media.type, typing_only=False)
            if annotation not in self.writers:
                self.writers[annotation] = f"_WRITE_{shout(annotation)}"
                writer = module.use("runtime.encode", "json_writer")
                module.line(f"{self.writers[annotation]} = {writer}({annotation})")

    def _resolved(self, type: Type) -> tuple[Type, str | None]:
        name = None
        while type.kind == "ref" and type.ref:
            name = type.ref
            type = self.schemas[type.ref].type
        return type, name

    # --- a route ---

    def _route(self, operation: Operation) -> None:
        module = self.module
        rest = operation.rest
        assert rest is not None
        request = module.use_type("runtime.rest", "Request")
        response = module.use_type("runtime.rest", "Response")
        name = operation.python
        module.line()
        module.line(f"run_{name} = gate.chain(operations.{name.upper()})")
        module.line()
        with module.block(f"async def {name}(request: {request}) -> {response}:"):
            module.line(f"call = request.call(operations.{name.upper()})")
            module.line("await gate.admit(call)")
            arguments = self._decode(operation)
            inner = ", ".join(f"{literal(key)}: {value}" for key, value in arguments)
            answer = "answer = " if success_media(operation) else ""
            module.line(f"{answer}await run_{name}(call, {{{inner}}})")
            self._answer(operation)

    def _decode(self, operation: Operation) -> list[tuple[str, str]]:
        """Emits the reading of all arguments; gives their names and where they are."""
        module = self.module
        rest = operation.rest
        assert rest is not None
        taken: list[tuple[str, str]] = []
        read = read_parameters(operation)
        body = rest.body
        query = any(p.location == "query" for p in read) or ticket_name(self.contract, operation)
        module.line(f"faults: list[{module.use('runtime.problem', 'InputError')}] = []")
        placed = re.findall(r"\{([^{}]*)\}", rest.path)
        for parameter in read:
            if parameter.location == "path":
                at = placed.index(parameter.name)
                source = f"request.args[{at}]"
                self._value(operation, parameter, source, taken)
        if query:
            check = module.use("runtime.decode", "unknown_parameters")
            module.line("query = request.query()")
            with module.block("if query:"):
                module.line(f"{check}(query, _{operation.python.upper()}_QUERY, faults)")
        else:
            check = module.use("runtime.decode", "no_parameters")
            with module.block('if request.scope["query_string"]:'):
                module.line(f"{check}(request.query(), faults)")
        for parameter in read:
            if parameter.location == "query":
                self._value(operation, parameter, f"query.get({literal(parameter.name)})", taken)
            elif parameter.location == "header":
                self._value(
                    operation,
                    parameter,
                    f"request.header({literal(parameter.name.lower())})",
                    taken,
                )
            elif parameter.location == "cookie":
                self._value(
                    operation, parameter, f"request.cookie({literal(parameter.name)})", taken
                )
        if operation.idempotent or operation.conditional:
            module.line("request.conditions(call, faults)")
        if body:
            self._body(operation, taken)
        invalid = module.use("runtime.problem", "InvalidInput")
        with module.block("if faults:"):
            module.line(f"raise {invalid}(errors=faults)")
        return taken

    def _value(
        self, operation: Operation, parameter: Parameter, source: str, taken: list[tuple[str, str]]
    ) -> None:
        local = f"{parameter.python}_"
        param = self.module.use("generated.inputs", param_name(operation, parameter))
        self.module.line(f"{local} = {param}.read({source}, faults)")
        taken.append((parameter.python, local))

    def _body(self, operation: Operation, taken: list[tuple[str, str]]) -> None:
        module = self.module
        assert operation.rest is not None and operation.rest.body is not None
        body = operation.rest.body
        media = tuple(content.name for content in body.content)
        taken_media = f"request.media_type({literal(media)})"
        if json_body(operation):
            annotation = self.names.annotation(module, body.content[0].type)
            module.line(taken_media)
            module.line(f"raw = await request.body({operation.body_limit})")
            reader = module.use("generated.inputs", body_name(annotation)) + ".read(raw, faults)"
            module.line(f"body_ = {reader}" + ("" if body.required else " if raw else None"))
        else:
            upload = module.use("runtime.upload", "Upload")
            module.line(f"body_ = {upload}({taken_media}, request.stream({operation.body_limit}))")
        taken.append(("body", "body_"))

    def _answer(self, operation: Operation) -> None:
        module = self.module
        response = success(operation)
        status = int(response.status) if response and response.status.isdigit() else 200
        media = success_media(operation)
        headers = {h.lower() for h in response.headers} if response else set()
        if media is None:
            module.line(f"return {module.use('runtime.rest', 'empty_response')}({status})")
            return
        if not is_json(media.name):
            stream = module.use("runtime.rest", "stream_response")
            module.line(f"return {stream}({status}, {literal(media.name)}, answer)")
            return
        annotation = self.names.annotation(module, media.type, typing_only=False)
        written = f"{self.writers[annotation]}(answer)"
        location = self._location(operation) if "location" in headers else None
        if location is not None:
            created = module.use("runtime.rest", "created_response")
            version = "answer.version" if "etag" in headers else "None"
            module.line(f"return {created}({status}, {written}, {version}, {location})")
        elif "etag" in headers:
            entity = module.use("runtime.rest", "entity_response")
            module.line(f"return {entity}({status}, {written}, answer.version)")
        else:
            module.line(
                f"return {module.use('runtime.rest', 'json_response')}({status}, {written})"
            )

    def _location(self, operation: Operation) -> str | None:
        """Where the new entity is read, as the contract's links say: an f-string over `answer`."""
        raw = raw_operation(self.contract, operation)
        made = success_media(operation)
        places: list[tuple[bool, str]] = []
        for response in raw.get("responses", {}).values():
            for link in response.get("links", {}).values():
                target = next(
                    (o for o in self.contract.operations if o.id == link.get("operationId")), None
                )
                if target is None or target.rest is None or target.rest.method != "GET":
                    continue
                read = success_media(target)
                same = bool(read and made and read.type.ref == made.type.ref)
                path = target.rest.path
                for name, expression in link.get("parameters", {}).items():
                    pointer = str(expression).removeprefix("$response.body#/")
                    path = path.replace(
                        f"{{{name}}}", f"{{answer.{self._attribute(operation, pointer)}}}"
                    )
                if "{answer." in path:
                    places.append((same, f"f{literal(path)}"))
                elif "{" not in path:
                    places.append((same, literal(path)))
        # Where the same kind of thing is read; else the first place that needs nothing more.
        alike = [place for same, place in places if same]
        return next(iter(alike or [place for _, place in places]), None)

    def _attribute(self, operation: Operation, pointer: str) -> str:
        media = success_media(operation)
        assert media is not None
        parts: list[str] = []
        type = media.type
        for word in pointer.split("/"):
            type, _ = self._resolved(type)
            field = next(f for f in type.fields if f.name == word)
            parts.append(field.python)
            type = field.type
        return ".".join(parts)
