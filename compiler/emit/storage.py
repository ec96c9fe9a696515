"""`storage.py`: the SQL, the codecs and the indexes of every entity, worked out once."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.models import record_name
from compiler.ir import Contract, Field, Schema, Type


def emit(contract: Contract) -> dict[str, str]:
    """`storage.py`."""
    module = Module("storage.py", "The compiled storage: SQL text and row codecs of each entity.")
    entities = [schema for schema in contract.schemas if schema.entity]
    resolve = {schema.name: schema for schema in contract.schemas}
    enums: dict[str, str] = {}
    lists: dict[str, str] = {}
    for schema in entities:
        _codec(module, schema, resolve, enums, lists)
    for schema in entities:
        _table(module, schema, resolve)
    module.gap()
    table = module.use("runtime.table", "Table")
    entity = module.use("runtime.model", "Entity")
    module.line(f"TABLES: tuple[{table}[{module.use('typing', 'Any')}], ...] = (")
    for schema in entities:
        module.line(f"    {constant(schema)},")
    module.line(")")
    module.gap()
    module.line("# The prefix of each kind's ids.")
    module.line(f"PREFIXES: dict[type[{entity}], str] = {{")
    for schema in entities:
        assert schema.entity is not None
        module.line(f"    {record_name(schema)}: {literal(schema.entity.prefix)},")
    module.line("}")
    module.gap()
    module.line(
        "# Service → the kind of server that its entities live on; embedded, all live in SQLite."
    )
    homes = sorted({(s.entity.service, s.entity.home) for s in entities if s.entity})
    module.line("HOMES: dict[str, str] = {")
    for service, home in homes:
        module.line(f"    {literal(service)}: {literal(home)},")
    module.line("}")
    return {module.path: module.text()}


def constant(schema: Schema) -> str:
    """What the schema's Table is called."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in schema.python).lstrip("_")


def columns(schema: Schema) -> tuple[Field, ...]:
    """The stored fields: id and version first, then the rest, private ones last."""
    entity = schema.entity
    assert entity is not None
    fields = {field.name: field for field in schema.type.fields}
    first = [fields.pop("id"), fields.pop("version")]
    return (*first, *fields.values(), *entity.private)


def resolved(type: Type, schemas: dict[str, Schema]) -> tuple[Type, str | None]:
    """What a reference stands for at last, and the name of the last schema on the way."""
    name = None
    while type.kind == "ref" and type.ref:
        name = type.ref
        type = schemas[type.ref].type
    return type, name


def sql_type(type: Type) -> str:
    """SQLite's type of a resolved type."""
    if type.kind in ("integer", "boolean") or type.format == "decimal":
        return "INTEGER"
    return "REAL" if type.kind == "number" else "TEXT"


def _codec(
    module: Module,
    schema: Schema,
    schemas: dict[str, Schema],
    enums: dict[str, str],
    lists: dict[str, str],
) -> None:
    entity = schema.entity
    assert entity is not None
    money = dict(entity.money)
    name = module.use("generated.models", record_name(schema))
    stored = columns(schema)
    currencies = {field.name: field.python for field in stored}
    encoded: list[str] = []
    decoded: list[str] = []
    for field in stored:
        type, named = resolved(field.type, schemas)
        write, read = _cell(module, type, named, field, enums, lists)
        if type.format == "decimal":
            digits = f"r[{_at(stored, money[field.name])}]" if field.name in money else '"USD"'
            assert field.name in money, f"{schema.name}.{field.name} has no currency"
            read = f"{module.use('runtime.model', 'from_milli')}({{0}}, {digits})"
        value = f"e.{field.python}"
        may_lack = optional(field)
        plain = write == "{0}"
        out = write.format(value)
        encoded.append(out if plain or not may_lack else f"None if {value} is None else {out}")
        cell = f"r[{stored.index(field)}]"
        back = read.format(cell)
        plain = read == "{0}"
        decoded.append(
            f"{literal(field.python)}: "
            + (back if plain or not may_lack else f"None if {cell} is None else {back}")
        )
    assert currencies
    row = module.use("runtime.table", "Row")
    module.gap()
    with module.block(f"def _{constant(schema).lower()}_row(e: {name}) -> {row}:"):
        module.line("return (")
        for out in encoded:
            module.line(f"    {out},")
        module.line(")")
    module.gap()
    assemble = module.use("runtime.model", "assemble")
    with module.block(f"def _{constant(schema).lower()}(r: {row}) -> {name}:"):
        module.line(f"return {assemble}({name}, {{")
        for back in decoded:
            module.line(f"    {back},")
        module.line("})")


def optional(field: Field) -> bool:
    """Whether the entity may lack the field."""
    return field.type.nullable or (not field.required and not field.has_default)


def _at(stored: tuple[Field, ...], name: str) -> int:
    return next(at for at, field in enumerate(stored) if field.name == name)


def _cell(
    module: Module,
    type: Type,
    named: str | None,
    field: Field,
    enums: dict[str, str],
    lists: dict[str, str],
) -> tuple[str, str]:
    """How a field becomes a cell and comes back, `{0}` being the value."""
    if type.kind == "boolean":
        return "int({0})", "bool({0})"
    if type.enum and named:
        return "{0}.value", enum_values(module, named, enums) + "[{0}]"
    if type.format == "decimal":
        return module.use("runtime.model", "to_milli") + "({0})", ""
    if type.format == "date":
        return "{0}.isoformat()", module.use("datetime", "date") + ".fromisoformat({0})"
    if type.format == "date-time":
        rfc = module.use("runtime.scalar", "rfc3339")
        return rfc + "({0})", module.use("runtime.scalar", "instant") + "({0})"
    if type.kind in ("string", "integer", "number"):
        return "{0}", "{0}"
    codec = json_codec(module, type, named, field, lists)
    return codec + ".write({0})", codec + ".read({0})"


def enum_values(module: Module, name: str, enums: dict[str, str]) -> str:
    """The dict from an enum's values to its members; `enums` holds those that are written."""
    if name not in enums:
        enums[name] = f"_{name.upper()}"
        module.use("generated.models", name)
        module.line(f"{enums[name]} = {{member.value: member for member in {name}}}")
    return enums[name]


def json_codec(
    module: Module, type: Type, named: str | None, field: Field, lists: dict[str, str]
) -> str:
    """The codec of what SQL keeps as JSON text: arrays and objects."""
    codec = module.use("runtime.table", "JsonCell")
    if type.kind == "array" and type.item:
        item = type.item
        inner = (
            module.use("generated.models", item.ref)
            if item.kind == "ref" and item.ref
            else {"string": "str", "integer": "int"}.get(item.kind, "object")
        )
        annotation = f"list[{inner}]"
    elif named:
        annotation = module.use("generated.models", named)
    else:
        annotation = f"dict[str, {module.use('typing', 'Any')}]"
    if annotation not in lists:
        name = "_JSON_" + "".join(c if c.isalnum() else "_" for c in annotation).strip("_").upper()
        lists[annotation] = name
        module.line(f"{name}: {codec}[{annotation}] = {codec}({annotation})")
    return lists[annotation]


def _table(module: Module, schema: Schema, schemas: dict[str, Schema]) -> None:
    entity = schema.entity
    assert entity is not None
    stored = columns(schema)
    table = module.use("runtime.table", "Table")
    name = record_name(schema)
    names = [field.python for field in stored]
    attributes = {field.name: field.python for field in stored}
    lower = constant(schema).lower()
    module.gap()
    module.line(f"{constant(schema)}: {table}[{name}] = {table}(")
    module.line(f"    kind={name},")
    module.line(f"    name={literal(entity.table)},")
    module.line(f"    service={literal(entity.service)},")
    module.line(f"    columns={literal(tuple(names))},")
    module.line("    ddl=(")
    for statement in _ddl(schema, schemas):
        parts = _split(statement)
        for part in parts[:-1]:
            module.line(f"        {part}")
        module.line(f"        {parts[-1]},")
    module.line("    ),")
    module.line(f"    encode=_{lower}_row,")
    module.line(f"    decode=_{lower},")
    module.line("    cells={")
    for field in stored:
        type, _ = resolved(field.type, schemas)
        module.line(f"        {literal(field.python)}: {_compared(module, type)},")
    module.line("    },")
    unique = tuple(tuple(attributes[f] for f in group) for group in entity.unique)
    module.line(f"    unique={literal(unique)},")
    if entity.sets:
        module.line("    sets={")
        for set_name, paths in entity.sets:
            parts = [set_values(path, attributes, schema, schemas) for path in paths]
            module.line(f"        {literal(set_name)}: lambda e: ({', '.join(parts)},),")
        module.line("    },")
    module.line(")")


def set_values(
    path: str, attributes: dict[str, str], schema: Schema, schemas: dict[str, Schema]
) -> str:
    """`ownerId` → `e.owner_id`; `members[].userId` → the members' ids; `tags[]` → the tags."""
    head, each, tail = path.partition("[]")
    if not each:
        return f"e.{attributes[head]}"
    if not tail:
        return f"*e.{attributes[head]}"
    field = next(f for f in schema.type.fields if f.name == head)
    array, _ = resolved(field.type, schemas)
    assert array.item is not None
    item, _ = resolved(array.item, schemas)
    attribute = next(f.python for f in item.fields if f.name == tail.lstrip("."))
    return f"*(item.{attribute} for item in e.{attributes[head]})"


def _compared(module: Module, type: Type) -> str:
    """The function in runtime.table that encodes a value which a field is compared with."""
    if type.format == "decimal":
        return module.use("runtime.table", "decimal_cell")
    if type.format == "date":
        return module.use("runtime.table", "day_cell")
    if type.format == "date-time":
        return module.use("runtime.table", "moment_cell")
    return module.use("runtime.table", "plain_cell")


def _split(statement: str) -> list[str]:
    """`statement` as adjacent string literals that fit a line."""
    words = statement.split(" ")
    lines: list[str] = []
    line = ""
    for word in words:
        if line and len(line) + len(word) > 76:
            lines.append(line)
            line = ""
        line += word + " "
    lines.append(line[:-1])
    return ["'" + part.replace("'", "\\'") + "'" for part in lines]


def _ddl(schema: Schema, schemas: dict[str, Schema]) -> list[str]:
    """The table, its indexes, and a side table for each set."""
    entity = schema.entity
    assert entity is not None
    stored = columns(schema)
    attributes = {field.name: field.python for field in stored}
    table = entity.table
    cells: list[str] = []
    for field in stored:
        type, _ = resolved(field.type, schemas)
        null = "" if optional(field) else " NOT NULL"
        cells.append(
            '"id" TEXT PRIMARY KEY NOT NULL'
            if field.name == "id"
            else f'"{field.python}" {sql_type(type)}{null}'
        )
    statements = [f'CREATE TABLE "{table}" ({", ".join(cells)}) STRICT']
    for group in entity.unique:
        named = [attributes[f] for f in group]
        keys = ", ".join(f'"{column}"' for column in named)
        statements.append(f'CREATE UNIQUE INDEX "{table}.{".".join(named)}" ON "{table}" ({keys})')
    for group in entity.indexes:
        named = [attributes[f] for f in group]
        keys = ", ".join(f'"{column}"' for column in (*named, "id"))
        statements.append(f'CREATE INDEX "{table}:{":".join(named)}" ON "{table}" ({keys})')
    for set_name, _ in entity.sets:
        side = f"{table}__{set_name}"
        statements.append(
            f'CREATE TABLE "{side}" ("value" TEXT NOT NULL, "id" TEXT NOT NULL, '
            'PRIMARY KEY ("value", "id")) STRICT, WITHOUT ROWID'
        )
        statements.append(f'CREATE INDEX "{side}:id" ON "{side}" ("id")')
    return statements
