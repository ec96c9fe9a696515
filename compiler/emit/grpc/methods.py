"""`grpc/methods.py`: every rpc by its path, with how its messages are read and written."""

from __future__ import annotations

from compiler.emit.grpc.protos import Protos
from compiler.emit.grpc.values import Values
from compiler.emit.lines import Module, literal
from compiler.emit.models import is_json
from compiler.emit.types import success_media, watched
from compiler.ir import Contract, Operation, Rpc, Stream
from compiler.naming import snake
from compiler.source import Report, SpecErrors


def emit(contract: Contract, protos: Protos) -> dict[str, str]:
    """The module."""
    module = _Methods(contract, protos).module()
    return {module.path: module.text()}


def takes_file(operation: Operation) -> bool:
    """Whether the body is a file."""
    body = operation.rest.body if operation.rest else None
    return body is not None and not (len(body.content) == 1 and is_json(body.content[0].name))


def gives_file(operation: Operation) -> bool:
    """Whether the answer is a file, or a stream of its own making."""
    media = success_media(operation)
    return media is not None and not is_json(media.name)


def path_of(protos: Protos, rpc: Rpc) -> str:
    """What the rpc is called on the wire."""
    service = f"{protos.package}.{rpc.service}" if protos.package else rpc.service
    return f"/{service}/{rpc.name}"


class _Methods:
    def __init__(self, contract: Contract, protos: Protos) -> None:
        self.contract = contract
        self.protos = protos
        self.values = Values(contract, protos)
        self.entities = {s.name for s in contract.schemas if s.entity}
        self.out = Module(
            "grpc/methods.py", "Every rpc, with how its messages are read and written."
        )
        scratch = Module("", "")
        self.watches = {
            watch.operation.id: watch for watch in watched(scratch, contract, self.values.names)
        }

    def module(self) -> Module:
        module = self.out
        rows: list[tuple[str, str]] = []
        services: set[str] = set()
        for operation in self.contract.operations:
            if operation.rpc is None:
                continue
            path = path_of(self.protos, operation.rpc)
            rows.append((path, self._method(operation, operation.rpc)))
            if not operation.internal:
                services.add(operation.rpc.service)
                if (takes_file(operation) or gives_file(operation)) and operation.rest:
                    rows.append((f"{path}.file", self._file(operation, operation.rpc)))
        for stream in self.contract.streams:
            rows.append((path_of(self.protos, stream.rpc), self._stream(stream)))
            services.add(stream.rpc.service)
        method = module.use("runtime.grpc.methods", "Method")
        module.gap()
        module.line("# Path → what is there.")
        module.line(f"METHODS: dict[str, {method}] = {{")
        for path, text in sorted(rows):
            module.line(f"    {literal(path)}: {text},")
        module.line("}")
        module.gap()
        prefix = f"{self.protos.package}." if self.protos.package else ""
        names = tuple(prefix + name for name in sorted(services))
        module.line("# The services that users call; those between services are not told of.")
        module.line(f"SERVICES: tuple[str, ...] = {literal(names)}")
        return module

    # --- a method ---

    def _pb(self, name: str) -> str:
        message = self.protos.messages[name]
        return f"{self.out.use('generated.grpc', message.module)}.{name}"

    def _operation(self, operation: Operation) -> str:
        self.out.use("generated", "operations")
        return f"operations.{operation.python.upper()}"

    def _kind(self, name: str) -> str:
        return self.out.use("runtime.grpc.methods", name)

    def _read(self, name: str) -> str:
        self.out.use("generated.grpc", "reading")
        return f"reading.{snake(name)}"

    def _pack(self, name: str, *, empty: bool = False) -> str:
        if empty:
            return self.out.use("runtime.grpc.methods", "nothing")
        self.out.use("generated.grpc", "writing")
        packing = "packing_once" if name in self.entities else "packing"
        return f"{self.out.use('runtime.grpc.methods', packing)}(writing.{snake(name)})"

    def _method(self, operation: Operation, rpc: Rpc) -> str:
        empty = self.values.empty(rpc, operation)
        known, pb = self._operation(operation), self._pb(rpc.request)
        if rpc.client_stream:
            return self._collect(operation, rpc, known, pb)
        read = self._read(rpc.request)
        if operation.internal:
            return f"{self._kind('Internal')}({known}, {pb}, {read}, {self._pack(rpc.response, empty=empty)})"
        pack = self._pack(rpc.response, empty=empty)
        if not rpc.server_stream:
            return f"{self._kind('Unary')}({known}, {pb}, {read}, {pack})"
        watch = self.watches.get(operation.id)
        if watch is not None:
            names = literal(tuple(argument.name for argument in watch.arguments))
            return f"{self._kind('Watch')}({known}, {pb}, {read}, {pack}, {names})"
        lists = self._lists(operation, rpc)
        assert lists.listing is not None
        sort = literal(lists.listing.default.lstrip("+- "))
        return (
            f"{self._kind('Rows')}({known}, {pb}, {read}, {pack}, {self._operation(lists)}, {sort})"
        )

    def _lists(self, operation: Operation, rpc: Rpc) -> Operation:
        """The operation that lists what the file's rows are, by the same arguments."""
        wanted = {target for _, target in rpc.arguments}
        for other in self.contract.operations:
            if other.listing is None or other.rest is None or other.service != operation.service:
                continue
            taken = {p.python: p for p in other.rest.parameters}
            more = [p for p in taken.values() if p.python not in wanted]
            if (
                other.listing.entity == rpc.response
                and wanted <= set(taken)
                and not any(p.required and not p.has_default for p in more)
            ):
                return other
        report = Report()
        message = f"{rpc.name} streams {rpc.response}, which no operation lists by its arguments"
        report.add(rpc.span, "stream-mismatch", message)
        raise SpecErrors(report.errors)

    def _collect(self, operation: Operation, rpc: Rpc, known: str, pb: str) -> str:
        row = snake(rpc.row_message)
        medias = operation.rest.body.content if operation.rest and operation.rest.body else ()
        media = next((m.name for m in medias if "json" in m.name), "application/x-ndjson")
        self.out.use("generated.grpc", "reading")
        start = next(f.of for f in self.protos.messages[rpc.request].fields if f.name == rpc.start)
        parts = (
            *(known, pb, literal(rpc.start), self._read(start)),
            *(literal(rpc.row), f"reading.{row}", literal(media)),
            self._pack(rpc.response, empty=self.values.empty(rpc, operation)),
        )
        return f"{self._kind('Collect')}({', '.join(parts)})"

    def _file(self, operation: Operation, rpc: Rpc) -> str:
        takes = takes_file(operation)
        request = rpc.request
        read = self._read(request)
        if takes:
            start = next(
                f.of for f in self.protos.messages[rpc.request].fields if f.name == rpc.start
            )
            read = self._read(start)
            pack = self._pack(rpc.response, empty=self.values.empty(rpc, operation))
        else:
            pack = self.out.use("runtime.grpc.methods", "nothing")
        more = f", {literal(rpc.start)}" if rpc.start else ""
        parts = f"{self._operation(operation)}, {self._pb(request)}, {read}, {takes}, {pack}{more}"
        return f"{self._kind('File')}({parts})"

    def _stream(self, stream: Stream) -> str:
        rpc = stream.rpc
        operations = {o.id: o for o in self.contract.operations}
        watched_one = operations[stream.watches]
        names = literal(tuple(a.name for a in self.watches[stream.watches].arguments))
        known, pb = self._operation(watched_one), self._pb(rpc.request)
        read, pack = self._read(rpc.request), self._pack(rpc.response)
        if stream.sends is not None:
            sends = self._operation(operations[stream.sends])
            return f"{self._kind('Converse')}({known}, {sends}, {pb}, {read}, {pack}, {names})"
        first = ", first=True" if watched_one.listing is None else ""
        return f"{self._kind('Watch')}({known}, {pb}, {read}, {pack}, {names}{first})"
