"""`collections.py`: the codecs of the documents that MongoDB keeps of its entities."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.emit.lines import Module, literal
from compiler.emit.models import record_name
from compiler.emit.storage import columns, optional, resolved, set_values
from compiler.emit.types import Names
from compiler.ir import Contract, Field, Schema, Type
from compiler.naming import attribute, snake

HOME = "mongodb"


def emit(contract: Contract) -> dict[str, str]:
    """`collections.py`."""
    module = Module(
        "collections.py", "The compiled documents: the BSON codecs of each entity in MongoDB."
    )
    at_home = [*entities(contract)]
    codec = Codec(module, contract)
    for schema in at_home:
        codec.entity(schema)
    for schema in at_home:
        _collection(module, schema, codec)
    module.gap()
    any_ = module.use("typing", "Any")
    collection = module.use("runtime.document", "Collection")
    module.line(f"COLLECTIONS: tuple[{collection}[{any_}], ...] = (")
    for schema in at_home:
        module.line(f"    {snake(schema.python).upper()},")
    module.line(")")
    return {module.path: module.text()}


def entities(contract: Contract) -> Iterator[Schema]:
    """The entities that live in MongoDB."""
    return (s for s in contract.schemas if s.entity and s.entity.home == HOME)


def set_fields(schema: Schema) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each set index: the field that holds it, and the paths whose values that is to be filled
    with: none where the entity has the very array.
    """
    entity = schema.entity
    assert entity is not None
    attributes = {field.name: field.python for field in columns(schema)}
    taken = set(attributes.values())
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, paths in entity.sets:
        head = paths[0].removesuffix("[]")
        if len(paths) == 1 and head in attributes and paths[0] == f"{head}[]":
            found[name] = (attributes[head], ())
            continue
        field = attribute(name)
        field = f"{field}_set" if field in taken else field
        taken.add(field)
        found[name] = (field, paths)
    return found


class Codec:
    """Writes the functions that turn objects into documents and back, each once."""

    def __init__(self, module: Module, contract: Contract) -> None:
        self._module = module
        self._names = Names.of(contract)
        self._objects: set[str] = set()
        self._enums: set[str] = set()
        self._texts: dict[str, str] = {}
        self.schemas = {schema.name: schema for schema in contract.schemas}

    def entity(self, schema: Schema) -> None:
        """The codec of an entity."""
        assert schema.entity is not None
        fields = columns(schema)
        money = {field: currency for field, currency in schema.entity.money if "[]" not in field}
        filled = [
            f"{literal(field)}: [*dict.fromkeys(({', '.join(self._set(schema, paths))},))],"
            for field, paths in set_fields(schema).values()
            if paths
        ]
        self._functions(
            snake(schema.python), record_name(schema), fields, money, filled, entity=True
        )

    def _set(self, schema: Schema, paths: tuple[str, ...]) -> list[str]:
        attributes = {field.name: field.python for field in columns(schema)}
        return [set_values(path, attributes, schema, self.schemas) for path in paths]

    def _functions(
        self,
        name: str,
        kind: str,
        fields: tuple[Field, ...],
        money: dict[str, str],
        filled: list[str],
        *,
        entity: bool = False,
    ) -> None:
        module = self._module
        written = [(field, *self._value(field.type, money.get(field.name))) for field in fields]
        module.use("generated.models", kind)
        document = module.use("runtime.document", "Document")
        keys = {
            field.python: "_id" if entity and field.name == "id" else field.python
            for field in fields
        }
        absent = [(field, write) for field, write, _ in written if optional(field)]
        module.gap()
        with module.block(f"def _{name}_document(e: {kind}) -> {document}:"):
            module.line("return {" if not absent else f"d: {document} = {{")
            for field, write, _ in written:
                if not optional(field):
                    value = write.format(f"e.{field.python}")
                    module.line(f"    {literal(keys[field.python])}: {value},")
            for line in filled:
                module.line(f"    {line}")
            module.line("}")
            for field, write in absent:
                with module.block(f"if e.{field.python} is not None:"):
                    value = write.format(f"e.{field.python}")
                    module.line(f"d[{literal(keys[field.python])}] = {value}")
            if absent:
                module.line("return d")
        assemble = module.use("runtime.model", "assemble")
        module.gap()
        with module.block(f"def _{name}(d: {document}) -> {kind}:"):
            if absent:
                module.line("get = d.get")
            module.line(f"return {assemble}({kind}, {{")
            for field, _, read in written:
                key = literal(keys[field.python])
                if not optional(field):
                    value = read.format(f"d[{key}]")
                elif read == "{0}":
                    value = f"get({key})"
                else:
                    value = f"None if (v := get({key})) is None else {read.format('v')}"
                module.line(f"    {literal(field.python)}: {value},")
            module.line("})")

    def _value(
        self, declared: Type, currency: str | None = None, depth: int = 0
    ) -> tuple[str, str]:
        """How a value becomes BSON and comes back, `{0}` being the value."""
        use = self._module.use
        type, named = resolved(declared, self.schemas)
        if type.enum:
            if not named:
                return "{0}", "{0}"
            return "{0}.value", self._enum(self.schemas[named].python) + "[{0}]"
        if type.format == "decimal":
            write = use("runtime.document", "money_bson") + "({0})"
            if currency is None:
                return write, use("runtime.document", "exact") + "({0})"
            code = f"d[{literal(attribute(currency))}]"
            return write, use("runtime.document", "money") + f"({{0}}, {code})"
        if type.format == "date":
            return use("runtime.document", "day_bson") + "({0})", "{0}.date()"
        if type.format == "date-time":
            return "{0}", use("runtime.document", "moment") + "({0})"
        if type.kind in ("string", "integer", "number", "boolean"):
            return "{0}", "{0}"
        if type.kind == "array" and type.item and not type.item.nullable:
            write, read = self._value(type.item, depth=depth + 1)
            item = "abc"[depth] if depth < 3 else f"i{depth}"
            return _each(write, item), _each(read, item)
        if type.kind == "object" and named and type.fields and not type.members:
            return self._object(self.schemas[named])
        return self._text(declared)

    def _enum(self, name: str) -> str:
        constant = f"_{snake(name).upper()}"
        if name not in self._enums:
            self._enums.add(name)
            self._module.use("generated.models", name)
            self._module.line(f"{constant} = {{member.value: member for member in {name}}}")
        return constant

    def _object(self, schema: Schema) -> tuple[str, str]:
        """The functions of an object within an entity."""
        name = f"{snake(schema.python)}_value"
        if schema.name not in self._objects:
            self._objects.add(schema.name)
            self._functions(name, schema.python, schema.type.fields, {}, [])
        return f"_{name}_document({{0}})", f"_{name}({{0}})"

    def _text(self, type: Type) -> tuple[str, str]:
        """What is kept as JSON text: maps, unions, and what may be anything."""
        annotation = self._names.annotation(self._module, type, typing_only=False)
        annotation = annotation.removesuffix(" | None")
        if annotation not in self._texts:
            cell = self._module.use("runtime.table", "JsonCell")
            text = "".join(c if c.isalnum() else "_" for c in annotation)
            self._texts[annotation] = name = "_JSON_" + text.strip("_").upper()
            self._module.line(f"{name}: {cell}[{annotation}] = {cell}({annotation})")
        name = self._texts[annotation]
        return name + ".write({0})", name + ".read({0})"


def _each(template: str, item: str) -> str:
    return "{0}" if template == "{0}" else f"[{template.format(item)} for {item} in {{0}}]"


def _collection(module: Module, schema: Schema, codec: Codec) -> None:
    entity = schema.entity
    assert entity is not None
    stored = columns(schema)
    collection = module.use("runtime.document", "Collection")
    lower = snake(schema.python)
    module.gap()
    module.line(f"{lower.upper()}: {collection}[{record_name(schema)}] = {collection}(")
    module.line(f"    kind={record_name(schema)},")
    module.line(f"    name={literal(entity.table)},")
    module.line(f"    service={literal(entity.service)},")
    sets = set_fields(schema)
    names = [field.python for field in stored if field.name != "id"]
    names += [field for field, paths in sets.values() if paths]
    module.line(f"    fields={literal(tuple(names))},")
    nullable = [field.python for field in stored if optional(field)]
    module.line(f"    nullable=frozenset({literal(tuple(nullable)) if nullable else ''}),")
    module.line(f"    encode=_{lower}_document,")
    module.line(f"    decode=_{lower},")
    module.line("    cells={")
    for field in stored:
        type, _ = resolved(field.type, codec.schemas)
        module.line(f"        {literal(field.python)}: {_compared(module, type)},")
    module.line("    },")
    named = {name: field for name, (field, _) in sets.items()}
    module.line(f"    sets={literal(named)},")
    module.line(")")


def _compared(module: Module, type: Type) -> str:
    """The function in runtime.document that encodes a value which a field is compared with."""
    if type.format == "decimal":
        return module.use("runtime.document", "money_bson")
    if type.format == "date":
        return module.use("runtime.document", "day_bson")
    return module.use("runtime.document", "plain")
