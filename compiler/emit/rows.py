"""`rows.py`: the rows of the entities whose home is PostgreSQL or MySQL, in types of the server."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.models import record_name
from compiler.emit.storage import columns, constant, enum_values, json_codec, optional, resolved
from compiler.ir import Contract, Field, Schema

HOMES = ("mysql", "postgresql")


def emit(contract: Contract) -> dict[str, str]:
    """`rows.py`."""
    module = Module(
        "rows.py",
        "The rows of what lives on PostgreSQL and MySQL: storage.py's tables with codecs of their "
        "types.",
    )
    schemas = {schema.name: schema for schema in contract.schemas}
    stored = [s for s in contract.schemas if s.entity and s.entity.home in HOMES]
    enums: dict[str, str] = {}
    lists: dict[str, str] = {}
    for schema in stored:
        _codec(module, schema, schemas, enums, lists)
    module.gap()
    kind = module.use("runtime.table", "SqlTable")
    module.line(f"SQL_TABLES: tuple[{kind}[{module.use('typing', 'Any')}], ...] = (")
    for schema in stored:
        assert schema.entity is not None
        name = constant(schema).lower()
        lacking = sorted(field.python for field in columns(schema) if optional(field))
        module.line(f"    {kind}(")
        module.line(f"        table={module.use('generated.storage', constant(schema))},")
        module.line(f"        home={literal(schema.entity.home)},")
        module.line(f"        pack=_{name}_row,")
        module.line(f"        unpack=_{name},")
        if lacking:
            module.line(f"        optional=frozenset({{{', '.join(map(literal, lacking))}}}),")
        module.line("    ),")
    module.line(")")
    return {module.path: module.text()}


def _codec(
    module: Module,
    schema: Schema,
    schemas: dict[str, Schema],
    enums: dict[str, str],
    lists: dict[str, str],
) -> None:
    entity = schema.entity
    assert entity is not None
    stored = columns(schema)
    places = {field.name: place for place, field in enumerate(stored)}
    money = {name: places[currency] for name, currency in entity.money}
    cells = [_cell(module, field, schemas, money, enums, lists) for field in stored]
    written: list[str] = []
    read: list[str] = []
    for place, (field, (out, back)) in enumerate(zip(stored, cells, strict=True)):
        for lines, form, value in (
            (written, out, f"e.{field.python}"),
            (read, back, f"r[{place}]"),
        ):
            text = form.format(value)
            if form != "{0}" and optional(field):
                text = f"None if {value} is None else {text}"
            lines.append(text)
    name = module.use("generated.models", record_name(schema))
    row = module.use("runtime.table", "Row")
    module.gap()
    with module.block(f"def _{constant(schema).lower()}_row(e: {name}) -> {row}:"):
        module.line("return (")
        for text in written:
            module.line(f"    {text},")
        module.line(")")
    module.gap()
    assemble = module.use("runtime.model", "assemble")
    with module.block(f"def _{constant(schema).lower()}(r: {row}) -> {name}:"):
        module.line(f"return {assemble}({name}, {{")
        for field, text in zip(stored, read, strict=True):
            module.line(f"    {literal(field.python)}: {text},")
        module.line("})")


def _cell(
    module: Module,
    field: Field,
    schemas: dict[str, Schema],
    money: dict[str, int],
    enums: dict[str, str],
    lists: dict[str, str],
) -> tuple[str, str]:
    """How a field becomes a cell and comes back, `{0}` being the value."""
    type, named = resolved(field.type, schemas)
    if type.kind == "boolean":
        return "{0}", "bool({0})"
    if type.enum and named:
        return "{0}.value", enum_values(module, named, enums) + "[{0}]"
    if type.format == "decimal":
        return "{0}", f"{module.use('runtime.model', 'scaled')}({{0}}, r[{money[field.name]}])"
    if type.format == "date-time":
        return "{0}", module.use("runtime.table", "utc") + "({0})"
    if type.kind in ("string", "integer", "number"):
        return "{0}", "{0}"
    codec = json_codec(module, type, named, field, lists)
    return codec + ".write({0})", codec + ".read({0})"
