"""`graphql.py`: the SDL as Strawberry's types, a resolver a field, and what runs behind each.

Strawberry's own code generator drops every argument and fails on directives, so this reads the
SDL's syntax tree. Long because it writes one module, whose parts name each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DirectiveNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeNode,
    ValueNode,
    value_from_ast_untyped,
)

from compiler import naming
from compiler.emit.lines import Module, literal
from compiler.ir import Contract, GraphField, Operation, Schema

_BUILT_IN = {"Int": "int", "Float": "float", "String": "str", "Boolean": "bool"}
_ROOTS = {"Query": "query", "Mutation": "mutation", "Subscription": "subscription"}


def emit(contract: Contract) -> dict[str, str]:
    """`graphql.py`, where there is an SDL."""
    return {} if contract.graphql is None else {"graphql.py": _Graph(contract).text()}


class _Graph:
    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.schemas: dict[str, Schema] = {schema.name: schema for schema in contract.schemas}
        self.module = Module("graphql.py", "The GraphQL schema, and what runs behind its fields.")
        self.definitions = contract.graphql.definitions
        self.enums = {d.name.value for d in self._of(EnumTypeDefinitionNode)}
        self.scalars = {d.name.value for d in self._of(ScalarTypeDefinitionNode)}
        self.directives = {d.name.value: d for d in self._of(DirectiveDefinitionNode)}
        # A directive as it is written → the constant that holds it.
        self.constants: dict[str, str] = {}
        self.rows: dict[tuple[str, str], tuple[Operation, GraphField]] = {}
        for operation in contract.operations:
            for row in operation.graphql:
                owner = row.owner or next(n for n, root in _ROOTS.items() if root == row.root)
                self.rows[owner, row.name] = (operation, row)

    def _of(self, kind: Any) -> Iterator[Any]:
        return (each for each in self.definitions if isinstance(each, kind))

    def text(self) -> str:
        module = self.module
        module.use_module("strawberry")
        for directive in self.directives.values():
            self._directive(directive)
        self._constants()
        for scalar in self._of(ScalarTypeDefinitionNode):
            name = scalar.name.value
            module.line(f"{name} = {module.use('typing', 'NewType')}({literal(name)}, str)")
        module.line()
        for enum in self._of(EnumTypeDefinitionNode):
            self._enum(enum)
        for kind in (InputObjectTypeDefinitionNode, ObjectTypeDefinitionNode):
            for type in self._of(kind):
                self._type(type)
        self._bindings()
        self._schema()
        return module.text()

    # --- directives --------------------------------------------------------------------------

    def _directive(self, node: DirectiveDefinitionNode) -> None:
        module = self.module
        location = module.use("strawberry.schema_directive", "Location")
        places = ", ".join(f"{location}.{place.value}" for place in node.locations)
        module.gap()
        module.line("@strawberry.schema_directive(")
        module.line(f"    locations=[{places}],")
        module.line(f"    name={literal(node.name.value)},")
        if node.description:
            module.line(f"    description={literal(node.description.value)},")
        module.line(")")
        with module.block(f"class {_directive_class(node.name.value)}:"):
            module.doc(f"@{node.name.value}")
            module.line()
            for argument in node.arguments or ():
                name = argument.name.value
                text = self._annotation(argument.type)
                required = isinstance(argument.type, NonNullTypeNode)
                left_out = "" if required else f", default={self._unset()}"
                module.line(
                    f"{naming.attribute(name)}: {text} = "
                    f"strawberry.directive_field(name={literal(name)}{left_out})"
                )

    def _constants(self) -> None:
        """One instance for all places that say the same."""
        module = self.module
        used: dict[str, int] = {}
        for node in self._applied():
            text = self._instance(node)
            used[text] = used.get(text, 0) + 1
        repeated = sorted(text for text, count in used.items() if count > 1)
        module.gap()
        numbers: dict[str, int] = {}
        for text in repeated:
            kind = text.partition("Directive(")[0].upper()
            numbers[kind] = numbers.get(kind, 0) + 1
            self.constants[text] = f"_{kind}_{numbers[kind]}"
            module.line(f"{self.constants[text]} = {text}")
        module.gap()

    def _applied(self) -> Iterator[DirectiveNode]:
        for definition in self.definitions:
            if isinstance(definition, DirectiveDefinitionNode):
                continue
            yield from definition.directives or ()
            for member in getattr(definition, "fields", None) or ():
                yield from member.directives or ()
                for argument in getattr(member, "arguments", None) or ():
                    yield from argument.directives or ()

    def _instance(self, node: DirectiveNode) -> str:
        given = ", ".join(
            f"{naming.attribute(argument.name.value)}={literal(_plain(argument.value))}"
            for argument in node.arguments or ()
        )
        return f"{_directive_class(node.name.value)}({given})"

    def _directed(self, node: Any) -> list[str]:
        """`directives=[…]`, where there are any."""
        texts = [
            self.constants.get(text, text)
            for text in (
                self._instance(each)
                for each in node.directives or ()
                if each.name.value in self.directives
            )
        ]
        return [f"directives=[{', '.join(texts)}]"] if texts else []

    def _unset(self) -> str:
        return self.module.use("strawberry", "UNSET")

    # --- types -------------------------------------------------------------------------------

    def _annotation(self, node: TypeNode) -> str:
        if isinstance(node, NonNullTypeNode):
            return self._bare(node.type)
        return f"{self._bare(node)} | None"

    def _bare(self, node: TypeNode) -> str:
        if isinstance(node, ListTypeNode):
            return f"list[{self._annotation(node.type)}]"
        assert isinstance(node, NamedTypeNode)
        name = node.name.value
        if name == "ID":
            return self.module.use("strawberry", "ID")
        if name in self.enums:
            self.module.use("generated", "models")
            return f"models.{self.schemas[name].python}"
        return _BUILT_IN.get(name, name)

    def _enum(self, node: EnumTypeDefinitionNode) -> None:
        name = node.name.value
        self.module.use("generated", "models")
        rest = [f"models.{self.schemas[name].python}", f"name={literal(name)}", *_described(node)]
        self.module.line(f"strawberry.enum({', '.join(rest)})")

    def _type(self, node: InputObjectTypeDefinitionNode | ObjectTypeDefinitionNode) -> None:
        module = self.module
        name = node.name.value
        is_input = isinstance(node, InputObjectTypeDefinitionNode)
        options = ", ".join([f"name={literal(name)}", *_described(node), *self._directed(node)])
        resolved = {
            member.name.value: self._resolver(name, member, *self.rows[name, member.name.value])
            for member in node.fields or ()
            if isinstance(member, FieldDefinitionNode) and (name, member.name.value) in self.rows
        }
        module.gap()
        module.line(f"@strawberry.{'input' if is_input else 'type'}({options})")
        with module.block(f"class {name}:"):
            module.doc(node.description.value if node.description else f"{name}.")
            module.line()
            for member in node.fields or ():
                if isinstance(member, InputValueDefinitionNode):
                    self._input_field(member)
                else:
                    self._field(name, member, resolved.get(member.name.value))

    def _attribute(self, type: str, name: str) -> str:
        """What the model calls the field."""
        schema = self.schemas.get(type)
        fields = schema.type.fields if schema else ()
        return next((f.python for f in fields if f.name == name), naming.attribute(name))

    def _input_field(self, node: InputValueDefinitionNode) -> None:
        name = node.name.value
        options = [f"name={literal(name)}", *_described(node), *self._directed(node)]
        default = self._default(node)
        if default is not None and default.startswith("["):
            empty = default == "[]"
            options.insert(1, f"default_factory={'list' if empty else f'lambda: {default}'}")
        elif default is not None:
            options.insert(1, f"default={default}")
        self.module.line(
            f"{naming.attribute(name)}: {self._annotation(node.type)} = "
            f"strawberry.field({', '.join(options)})"
        )

    def _field(self, type: str, node: FieldDefinitionNode, resolver: str | None) -> None:
        name = node.name.value
        options = [f"name={literal(name)}", *_described(node), *self._directed(node)]
        kind, annotation = "field", self._annotation(node.type)
        if resolver is not None:
            options.insert(0, f"resolver={resolver}")
        if resolver is not None and type == "Subscription":
            events = self.module.use("collections.abc", "AsyncGenerator")
            kind, annotation = "subscription", f"{events}[{annotation}, None]"
        self.module.line(
            f"{self._attribute(type, name)}: {annotation} = strawberry.{kind}({', '.join(options)})"
        )

    def _default(self, node: InputValueDefinitionNode) -> str | None:
        """How the value looks when it is left out; None where it may not be."""
        if node.default_value is None:
            return None if isinstance(node.type, NonNullTypeNode) else self._unset()
        value = _plain(node.default_value)
        named = _named(node.type)
        if named in self.enums:
            return f"{self._bare(NamedTypeNode(name=_name(named)))}.{value}"
        return literal(value)

    # --- resolvers ---------------------------------------------------------------------------

    def _resolver(
        self, type: str, node: FieldDefinitionNode, operation: Operation, row: GraphField
    ) -> str:
        """Emits what runs for a field, and gives its name."""
        module = self.module
        name = node.name.value
        method = f"_{naming.snake(type)}_{naming.snake(name)}"
        answer = self._annotation(node.type)
        targets = dict(row.arguments)
        taken, given = [], []
        heads = [f"parent: strawberry.Parent[{type}]"] if row.parent else []
        module.use("strawberry", "Info")
        module.use("runtime.graphql.reference", "FieldResolver")
        heads.append("info: Info[FieldResolver, None]")
        for argument in node.arguments or ():
            python = naming.attribute(argument.name.value)
            taken.append(f"{python}: {self._argument(argument)}")
            given.append(f"{literal(targets[argument.name.value])}: {python}")
        heads += ["*", *taken] if taken else []
        values = f"{{{', '.join(given)}}}"
        key = literal(f"{type}.{name}")
        module.gap()
        if row.root == "subscription":
            events = module.use("collections.abc", "AsyncGenerator")
            head = f"async def {method}({', '.join(heads)}) -> {events}[{answer}, None]:"
            with (
                module.block(head),
                module.block(f"async for event in info.context.watch({key}, {values}):"),
            ):
                module.line("yield event")
            return method
        cast = module.use("typing", "cast")
        with module.block(f"async def {method}({', '.join(heads)}) -> {answer}:"):
            if row.parent:
                id = f"parent.{self._attribute(type, row.parent)}"
                module.line(f"answer = await info.context.load({key}, {id}, {values})")
            else:
                module.line(f"answer = await info.context.run({key}, {values})")
            module.line(f"return {cast}({literal(answer)}, answer)")
        return method

    def _argument(self, node: InputValueDefinitionNode) -> str:
        name = node.name.value
        text = self._annotation(node.type)
        options = [*_described(node), *self._directed(node)]
        if naming.camel(naming.attribute(name)) != name or naming.attribute(name) != name:
            options.insert(0, f"name={literal(name)}")
        if options:
            annotated = self.module.use("typing", "Annotated")
            text = f"{annotated}[{text}, strawberry.argument({', '.join(options)})]"
        default = self._default(node)
        return text if default is None else f"{text} = {default}"

    # --- what runs ---------------------------------------------------------------------------

    def _bindings(self) -> None:
        module = self.module
        bound = module.use("runtime.graphql.binding", "Binding")
        module.use("generated", "operations")
        module.gap()
        module.line("# Field → its operation, and what each argument is to the handler.")
        module.line(f"BINDINGS: dict[str, {bound}] = {{")
        for (type, name), (operation, row) in self.rows.items():
            arguments = ", ".join(
                f"({literal(argument)}, {literal(target)})" for argument, target in row.arguments
            )
            options = [
                f"operations.{operation.python.upper()}",
                f"({arguments},)" if arguments else "()",
                literal(row.gives),
            ]
            if row.parent:
                options.append(f"parent={literal(self._attribute(type, row.parent))}")
            size = self._page_size(operation, row)
            if size:
                options.append(f"size={literal(size)}")
            module.line(f"    {literal(f'{type}.{name}')}: {bound}({', '.join(options)}),")
        module.line("}")

    def _page_size(self, operation: Operation, row: GraphField) -> tuple[str, ...]:
        """Where a query says how many it wants: (`first`,) or (`input`, `pageSize`)."""
        for argument, target in row.arguments:
            if target == "page_size":
                return (argument,)
            if target == "body" and operation.rest and operation.rest.body:
                ref = operation.rest.body.content[0].type.ref
                fields = self.schemas[ref].type.fields if ref in self.schemas else ()
                if any(f.python == "page_size" for f in fields):
                    return (argument, next(f.name for f in fields if f.python == "page_size"))
        return ()

    def _schema(self) -> None:
        module = self.module
        config = module.use("strawberry.schema.config", "StrawberryConfig")
        write = module.use("runtime.graphql.scalars", "write_text")
        read = module.use("runtime.graphql.scalars", "read_text")
        names = {d.name.value for d in self._of(ObjectTypeDefinitionNode)}
        roots = ", ".join(f"{root}={name}" for name, root in _ROOTS.items() if name in names)
        module.gap()
        with module.block("def schema() -> strawberry.Schema:"):
            module.doc("The schema; building it costs tens of milliseconds.")
            module.line("return strawberry.Schema(")
            module.line(f"    {roots},")
            module.line(f"    config={config}(")
            module.line("        scalar_map={")
            for scalar in self._of(ScalarTypeDefinitionNode):
                name = scalar.name.value
                options = [f"name={literal(name)}", *_described(scalar), *self._directed(scalar)]
                options += [f"serialize={write}", f"parse_value={read}"]
                module.line(f"            {name}: strawberry.scalar({', '.join(options)}),")
            module.line("        }")
            module.line("    ),")
            module.line(")")


def _directive_class(name: str) -> str:
    return f"{naming.pascal(name)}Directive"


def _described(node: Any) -> list[str]:
    return [f"description={literal(node.description.value)}"] if node.description else []


def _plain(node: ValueNode) -> Any:
    return value_from_ast_untyped(node)


def _named(node: TypeNode) -> str:
    while isinstance(node, (NonNullTypeNode, ListTypeNode)):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value


def _name(text: str) -> Any:
    from graphql import NameNode

    return NameNode(value=text)
