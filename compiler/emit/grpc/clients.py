"""`grpc/clients.py`: each service as another process has it, called as if it were here."""

from __future__ import annotations

from compiler.emit.grpc.methods import gives_file, path_of, takes_file
from compiler.emit.grpc.protos import ProtoField, Protos
from compiler.emit.grpc.values import Values, put
from compiler.emit.lines import Module, literal
from compiler.emit.services import internal_head
from compiler.emit.types import Argument, arguments, operations_of, result
from compiler.ir import Contract, Operation, Rpc, Service, Type
from compiler.naming import snake


def emit(contract: Contract, protos: Protos) -> dict[str, str]:
    """The module."""
    module = _Clients(contract, protos).module()
    return {module.path: module.text()}


class _Clients:
    def __init__(self, contract: Contract, protos: Protos) -> None:
        self.contract = contract
        self.protos = protos
        self.values = Values(contract, protos)
        self.out = Module(
            "grpc/clients.py",
            "The services of other processes: they offer what those offer, and refuse as they do.",
        )

    def module(self) -> Module:
        module = self.out
        for service in self.contract.services:
            self._client(service)
        module.gap()
        module.line("# Code → what is raised.")
        problem = module.use("runtime.problem", "Problem")
        module.use("generated", "errors")
        module.line(f"REFUSALS: dict[str, type[{problem}]] = {{")
        for row in self.contract.problems:
            module.line(f"    {literal(row.code)}: errors.{row.python},")
        module.line("}")
        return module

    def _client(self, service: Service) -> None:
        module = self.out
        own = [o for o in operations_of(self.contract, service.name) if o.rpc is not None]
        whole = len(own) == len(list(operations_of(self.contract, service.name)))
        internal = [
            o
            for o in self.contract.operations
            if o.internal and o.service == service.name and o.rpc
        ]
        if not own and not internal:
            return
        name = service.python.title().replace("_", "")
        bases = []
        if own and whole:
            bases.append(module.use("generated.services", f"{name}Service"))
        if internal:
            bases.append(module.use("generated.services", f"{name}Internals"))
        module.gap()
        with module.block(f"class {name}Client({', '.join(bases)}):"):
            module.doc(f"The {service.name} service of another process.")
            module.line()
            remote = module.use_type("runtime.grpc.client", "Remote")
            with module.block(f"def __init__(self, remote: {remote}) -> None:"):
                module.line("self._remote = remote")
            for operation in own:
                module.line()
                self._method(operation)
            for operation in internal:
                module.line()
                self._internal(operation)

    def _method(self, operation: Operation) -> None:
        module = self.out
        call = module.use_type("runtime.call", "Call")
        asked = arguments(module, operation, self.values.names)
        taken = [
            f"{each.name}: {each.annotation}{f' = {each.default}' if each.default else ''}"
            for each in asked
        ]
        head = f"async def {operation.python}(self, call: {call}"
        head += f", *, {', '.join(taken)}" if taken else ""
        with module.block(f"{head}) -> {result(module, operation, self.values.names)}:"):
            rpc = operation.rpc
            assert rpc is not None
            path = path_of(self.protos, rpc)
            if takes_file(operation):
                start = next(
                    f for f in self.protos.messages[rpc.request].fields if f.name == rpc.start
                )
                part = self._request(operation, start.of, rpc.arguments, asked)
                request = f"{self._pb(rpc.request)}({rpc.start}={part})"
                self._gives(
                    operation,
                    rpc,
                    f"self._remote.upload({literal(path)}, {request}, {self._pb(rpc.response)}, "
                    "call, body)",
                )
                return
            request = self._request(operation, rpc.request, rpc.arguments, asked)
            if gives_file(operation):
                module.line(f"return await self._remote.download({literal(path)}, {request}, call)")
                return
            self._gives(
                operation,
                rpc,
                f"self._remote.ask({literal(path)}, {request}, {self._pb(rpc.response)}, call)",
            )

    def _gives(self, operation: Operation, rpc: Rpc, asking: str) -> None:
        if self.values.empty(rpc, operation):
            self.out.line(f"await {asking}")
            return
        self.out.use("generated.grpc", "answers")
        self.out.line(f"message = await {asking}")
        self.out.line(f"return answers.{snake(rpc.response)}(message)")

    def _pb(self, name: str) -> str:
        message = self.protos.messages[name]
        return f"{self.out.use('generated.grpc', message.module)}.{name}"

    def _request(
        self,
        operation: Operation,
        name: str,
        pairs: tuple[tuple[str, str], ...],
        asked: list[Argument],
    ) -> str:
        """The message that asks for it."""
        targets = dict(pairs)
        optional = {each.name: each.annotation.endswith("| None") for each in asked}
        values = []
        for field in self.protos.messages[name].fields:
            target = targets.get(field.name)
            if target in ("if_version", "idempotency_key"):
                values.append((field.name, f"call.{target}"))
            elif target is not None:
                type = self._type(operation, target)
                unsure = optional[target]
                values.append((field.name, self._sent(type, field, target, unsure=unsure)))
        return f"{self._pb(name)}({put(values)})"

    def _sent(self, type: Type, field: ProtoField, value: str, *, unsure: bool) -> str:
        return self.values.sent(self.out, type, field, value, unsure=unsure)

    def _type(self, operation: Operation, target: str) -> Type:
        rest = operation.rest
        assert rest is not None
        if target == "body" and rest.body is not None:
            return rest.body.content[0].type
        return next(p.type for p in rest.parameters if p.python == target)

    def _internal(self, operation: Operation) -> None:
        module = self.out
        rpc = operation.rpc
        assert rpc is not None
        with module.block(internal_head(module, operation, self.values.names)):
            given = {snake(field.name): field for field in operation.arguments}
            values = [
                (
                    field.name,
                    self._sent(
                        given[field.name].type,
                        field,
                        given[field.name].python,
                        unsure=not given[field.name].required,
                    ),
                )
                for field in self.protos.messages[rpc.request].fields
                if field.name in given
            ]
            module.use("generated", "operations")
            self._gives(
                operation,
                rpc,
                f"self._remote.ask_inside({literal(path_of(self.protos, rpc))}, "
                f"{self._pb(rpc.request)}({put(values)}), {self._pb(rpc.response)}, "
                f"operations.{operation.python.upper()})",
            )
