"""`services.py` and `operations.py`: what each service must offer, and what the pipeline knows of
it.
"""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.types import (
    Names,
    Watched,
    arguments,
    operations_of,
    result,
    ticket_name,
    watched,
)
from compiler.ir import Contract, Operation, Service


def emit(contract: Contract) -> dict[str, str]:
    """`services.py` and `operations.py`."""
    return {"services.py": _services(contract), "operations.py": _operations(contract)}


def _services(contract: Contract) -> str:
    module = Module("services.py", "What a handler must offer: a Protocol a service.")
    names = Names.of(contract)
    protocol = module.use("typing", "Protocol")
    watches = watched(module, contract, names)
    for service in contract.services:
        module.gap()
        with module.block(f"class {_class(service)}Service({protocol}):"):
            module.doc(service.doc or f"The {service.name} service.")
            for operation in operations_of(contract, service.name):
                module.line()
                _method(module, operation, names)
        _levels(module, contract, service)
        _internals(module, contract, service, names)
        _consumers(module, contract, service)
        _watches(module, service, watches)
    _all(module, contract, watches)
    return module.text()


def _watches(module: Module, service: Service, watches: list[Watched]) -> None:
    own = [watch for watch in watches if watch.operation.service == service.name]
    if not own:
        return
    protocol = module.use("typing", "Protocol")
    caller = module.use_type("runtime.call", "Caller")
    generator = module.use_type("collections.abc", "AsyncGenerator")
    module.gap()
    with module.block(f"class {_class(service)}Watches({protocol}):"):
        module.doc(f"What can be watched of the {service.name} service, as it changes.")
        for watch in own:
            taken = "".join(
                f", {a.name}: {a.annotation}{f' = {a.default}' if a.default else ''}"
                for a in watch.arguments
            )
            module.line()
            with module.block(
                f"def {watch.method}(self, caller: {caller}{taken}) "
                f"-> {generator}[{watch.item}, None]:"
            ):
                module.doc(
                    f"What {watch.operation.id} would answer, after each change from the first "
                    "step on; ends with the caller's session or access."
                )
                module.line("...")


def _all(module: Module, contract: Contract, watches: list[Watched]) -> None:
    """What the composition root fills: a handler that lacks a method is a type error there."""
    dataclass = module.use("dataclasses", "dataclass")
    taking = {consumer.service for consumer in contract.consumers}
    knowing = {resource.service for resource in contract.resources}
    asked = {operation.service for operation in contract.operations if operation.internal}
    for name, doc, suffix, services in (
        ("Services", "Every service's operations.", "Service", contract.services),
        (
            "Levels",
            "Every service that knows who may do what.",
            "Levels",
            [service for service in contract.services if service.name in knowing],
        ),
        (
            "Internals",
            "Every service that others ask.",
            "Internals",
            [service for service in contract.services if service.name in asked],
        ),
        (
            "Consumers",
            "Every service that takes events.",
            "Consumers",
            [service for service in contract.services if service.name in taking],
        ),
        (
            "Watches",
            "Every service that can be watched.",
            "Watches",
            [s for s in contract.services if any(w.operation.service == s.name for w in watches)],
        ),
    ):
        if not services:
            continue
        module.gap()
        module.line(f"@{dataclass}(frozen=True, slots=True)")
        with module.block(f"class {name}:"):
            module.doc(doc)
            module.line()
            for service in services:
                module.line(f"{service.python}: {_class(service)}{suffix}")


def _method(module: Module, operation: Operation, names: Names) -> None:
    call = module.use_type("runtime.call", "Call")
    taken = [f"call: {call}"]
    for argument in arguments(module, operation, names):
        default = f" = {argument.default}" if argument.default else ""
        taken.append(f"{argument.name}: {argument.annotation}{default}")
    # Arguments with defaults come last; all after the call are passed by name.
    head = f"async def {operation.python}(self, {taken[0]}"
    rest = f", *, {', '.join(taken[1:])}" if taken[1:] else ""
    with module.block(f"{head}{rest}) -> {result(module, operation, names)}:"):
        module.doc(operation.summary or operation.id)
        module.line("...")


def _class(service: Service) -> str:
    return service.python.title().replace("_", "")


def _levels(module: Module, contract: Contract, service: Service) -> None:
    """The questions that only this service can answer: what level a caller has on a resource."""
    resources = [row for row in contract.resources if row.service == service.name]
    if not resources:
        return
    protocol = module.use("typing", "Protocol")
    caller = module.use_type("runtime.call", "Caller")
    module.gap()
    with module.block(f"class {_class(service)}Levels({protocol}):"):
        module.doc(f"Who may do what with the things of the {service.name} service.")
        for resource in resources:
            module.line()
            with module.block(
                f"async def {level_method(resource.name)}("
                f"self, caller: {caller}, id: str) -> str | None:"
            ):
                module.doc(
                    f"The caller's level on a {resource.name} ({', '.join(resource.levels)}); "
                    "None when it does not exist for the caller."
                )
                module.line("...")


def _internals(module: Module, contract: Contract, service: Service, names: Names) -> None:
    """What the other services ask this one, in process or by gRPC."""
    own = [o for o in contract.operations if o.internal and o.service == service.name]
    if not own:
        return
    protocol = module.use("typing", "Protocol")
    module.gap()
    with module.block(f"class {_class(service)}Internals({protocol}):"):
        module.doc(f"What the other services ask the {service.name} service.")
        for operation in own:
            module.line()
            with module.block(internal_head(module, operation, names)):
                module.doc(operation.summary or operation.id)
                module.line("...")


def internal_head(module: Module, operation: Operation, names: Names) -> str:
    """The first line of an internal operation's method."""
    taken = []
    for field in sorted(operation.arguments, key=lambda field: not field.required):
        text = names.annotation(module, field.type)
        taken.append(f"{field.python}: {text}{'' if field.required else ' = None'}")
    arguments = f", *, {', '.join(taken)}" if taken else ""
    gives = names.annotation(module, operation.result) if operation.result else "None"
    return f"async def {operation.python}(self{arguments}) -> {gives}:"


def level_method(resource: str) -> str:
    """The method that tells a caller's level on `resource`."""
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in resource).lstrip("_")
    return f"level_on_{snake}"


def _consumers(module: Module, contract: Contract, service: Service) -> None:
    consumers = [c for c in contract.consumers if c.service == service.name]
    if not consumers:
        return
    events = {event.type: event.python for event in contract.events}
    protocol = module.use("typing", "Protocol")
    batch = module.use_type("runtime.ports", "Batch")
    module.gap()
    with module.block(f"class {_class(service)}Consumers({protocol}):"):
        module.doc(f"The events that the {service.name} service takes.")
        for consumer in consumers:
            kinds = [module.use_type("generated.events", events[type]) for type in consumer.events]
            module.line()
            with module.block(
                f"async def {consumer.python}(self, batch: {batch}[{' | '.join(kinds)}]) -> None:"
            ):
                module.doc(consumer.doc or consumer.id)
                module.line("...")


def _operations(contract: Contract) -> str:
    module = Module("operations.py", "What the contract says of each operation, for the pipeline.")
    operation_class = module.use("runtime.operation", "Operation")
    exposed = [operation for operation in contract.operations if not operation.internal]
    internal = [operation for operation in contract.operations if operation.internal]
    for operation in (*exposed, *internal):
        module.line(f"{operation.python.upper()} = {operation_class}(")
        for name, value in _facts(module, operation, contract):
            module.line(f"    {name}={value},")
        module.line(")")
    module.gap()
    module.line(f"OPERATIONS: dict[str, {operation_class}] = {{")
    for operation in exposed:
        module.line(f"    {literal(operation.id)}: {operation.python.upper()},")
    module.line("}")
    module.gap()
    if internal:
        module.line("# What services ask each other, and the method that answers.")
        module.line(f"INTERNAL_OPERATIONS: dict[str, {operation_class}] = {{")
        for operation in internal:
            module.line(f"    {literal(operation.id)}: {operation.python.upper()},")
        module.line("}")
        module.gap()
    module.line("# What a role gives, the roles that it includes counted in.")
    module.line("ROLES: dict[str, frozenset[str]] = {")
    for role in contract.roles:
        scopes = "".join(f"{literal(scope)}, " for scope in role.scopes)
        module.line(f"    {literal(role.name)}: frozenset(({scopes})),")
    module.line("}")
    module.gap()
    module.line("# Operation → the service that lets what it answers be watched, and its method.")
    module.line("WATCH_METHODS: dict[str, tuple[str, str]] = {")
    for watch in watched(module, contract, Names.of(contract)):
        service, method = literal(watch.operation.service), literal(watch.method)
        module.line(f"    {literal(watch.operation.id)}: ({service}, {method}),")
    module.line("}")
    module.gap()
    module.line("# Resource → the service that knows who may do what with it, and its method.")
    module.line("LEVEL_METHODS: dict[str, tuple[str, str]] = {")
    for resource in contract.resources:
        method = literal(level_method(resource.name))
        module.line(f"    {literal(resource.name)}: ({literal(resource.service)}, {method}),")
    module.line("}")
    module.gap()
    module.line("# Resource → its levels, lowest first.")
    module.line("LEVELS: dict[str, tuple[str, ...]] = {")
    for resource in contract.resources:
        module.line(f"    {literal(resource.name)}: {literal(resource.levels)},")
    module.line("}")
    return module.text()


def _facts(module: Module, operation: Operation, contract: Contract) -> list[tuple[str, str]]:
    """The keyword arguments of the operation's descriptor, those that differ from the defaults."""
    facts = [
        ("id", literal(operation.id)),
        ("method", literal(operation.python)),
        ("service", literal(operation.service)),
    ]
    if operation.public:
        facts.append(("public", "True"))
    if operation.scope:
        facts.append(("scope", literal(operation.scope)))
    if operation.access:
        rule = module.use("runtime.operation", "AccessRule")
        rules = "".join(
            f"{rule}({literal(a.resource)}, {literal(_argument(operation, contract, a.argument))}, "
            f"{literal(a.least)}), "
            for a in operation.access
        )
        facts.append(("access", f"({rules})"))
    ticket = ticket_name(contract, operation)
    if ticket:
        facts.append(("ticket", literal(ticket)))
    if operation.verified:
        facts.append(("verified", "True"))
    if operation.rate.policy != "default":
        rate = module.use("runtime.operation", "RateRule")
        values = (
            operation.rate.policy,
            operation.rate.limit,
            operation.rate.window,
            operation.rate.by,
        )
        facts.append(("rate", f"{rate}({', '.join(map(literal, values))})"))
    if operation.deadline != 5.0:
        facts.append(("deadline", literal(float(operation.deadline))))
    if operation.body_limit != 1 << 20:
        facts.append(("body_limit", literal(operation.body_limit)))
    if operation.idempotent:
        facts.append(("idempotent", "True"))
    if operation.conditional:
        facts.append(("conditional", "True"))
    if operation.rest and operation.rest.method not in ("GET", "HEAD", "OPTIONS"):
        facts.append(("write", "True"))
    if operation.listing:
        facts.append(("listing", _listing(module, operation, contract)))
    if operation.problems:
        facts.append(("problems", literal(operation.problems)))
    return facts


def _argument(operation: Operation, contract: Contract, argument: str) -> str:
    """`body.budgetId` → `body.budget_id`; a parameter's name → its argument's."""
    head, dot, tail = argument.partition(".")
    if operation.rest is None:
        return argument
    if dot:
        body = operation.rest.body
        assert body is not None, "the linker checked it"
        type = body.content[0].type
        fields = contract.schema(type.ref).type.fields if type.ref else type.fields
        return f"{head}.{next(f.python for f in fields if f.name == tail)}"
    return next(p.python for p in operation.rest.parameters if p.name == head)


def _listing(module: Module, operation: Operation, contract: Contract) -> str:
    listing = operation.listing
    assert listing is not None and operation.rest is not None
    attributes = {f.name: f.python for f in contract.schema(listing.entity).type.fields}
    entity = contract.schema(listing.entity).entity
    attributes |= {f.name: f.python for f in entity.private} if entity else {}
    sets = {name for name, _ in entity.sets} if entity else set()
    pythons = {p.name: p.python for p in operation.rest.parameters}
    rule = module.use("runtime.operation", "ListRule")
    sort = tuple((name, attributes[name]) for name in listing.sort)
    filters = tuple(
        (pythons[name], field if field in sets else attributes[field], op)
        for name, field, op in listing.filters
    )
    return f"{rule}({literal(sort)}, {literal(listing.default)}, {literal(filters)})"
