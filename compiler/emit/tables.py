"""`tables.py`: a SQLModel table an entity: the declared schema, for migrations, admin work and
readers.
"""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.storage import columns, resolved
from compiler.ir import Contract, Schema, Type

# Characters of a column that holds an enum's values.
_WORD = 32


def emit(contract: Contract) -> dict[str, str]:
    """`tables.py`."""
    module = Module(
        "tables.py",
        "The entities' tables as SQLModel classes. The hot path never imports them: "
        "storage.py holds what is derived from the same entities.",
    )
    schemas = {schema.name: schema for schema in contract.schemas}
    for schema in contract.schemas:
        if schema.entity:
            _table(module, schema, schemas)
    return {module.path: module.text()}


def _table(module: Module, schema: Schema, schemas: dict[str, Schema]) -> None:
    entity = schema.entity
    assert entity is not None
    sqlmodel = module.use("sqlmodel", "SQLModel")
    attributes = {field.name: field.python for field in columns(schema)}
    module.gap()
    with module.block(f"class {schema.python}Table({sqlmodel}, table=True):"):
        module.doc(schema.doc or schema.name)
        module.line()
        module.line(f"__tablename__ = {literal(entity.table)}")
        indexes: list[str] = []
        for group in entity.unique:
            names = [attributes[f] for f in group]
            unique = module.use("sqlalchemy", "UniqueConstraint")
            name = literal(f"{entity.table}.{'.'.join(names)}")
            indexes.append(f"{unique}({', '.join(map(literal, names))}, name={name})")
        for group in entity.indexes:
            names = [attributes[f] for f in group]
            index = module.use("sqlalchemy", "Index")
            name = literal(f"{entity.table}:{':'.join(names)}")
            keys = ", ".join(literal(n) for n in (*names, "id"))
            indexes.append(f"{index}({name}, {keys})")
        if indexes:
            module.line("__table_args__ = (")
            for index in indexes:
                module.line(f"    {index},")
            module.line(")")
        module.line()
        for field in columns(schema):
            type, _ = resolved(field.type, schemas)
            optional = field.type.nullable or (not field.required and not field.has_default)
            column = _column(module, type)
            make = module.use("sqlmodel", "Field")
            options = [f"sa_type={column}"] if column else []
            if field.name == "id":
                options.append("primary_key=True")
            if optional:
                options.append("default=None")
            python = _python(module, type) + (" | None" if optional else "")
            module.line(f"{field.python}: {python} = {make}({', '.join(options)})")


def _python(module: Module, type: Type) -> str:
    if type.format == "decimal":
        return module.use("decimal", "Decimal")
    if type.format == "date":
        return module.use("datetime", "date")
    if type.format == "date-time":
        return module.use("datetime", "datetime")
    if type.kind in ("array", "object", "map", "any", "union"):
        return module.use("typing", "Any")
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}[type.kind]


def _column(module: Module, type: Type) -> str | None:
    """The SQLAlchemy type, where SQLModel's own choice would lose something."""
    if type.format == "decimal":
        return module.use("runtime.columns", "MONEY")
    if type.format == "date-time":
        return module.use("runtime.columns", "MOMENT")
    if type.kind in ("array", "object", "map", "any", "union"):
        return module.use("runtime.columns", "DOCUMENT")
    if type.kind == "integer":
        return module.use("runtime.columns", "WHOLE")
    if type.kind == "string" and type.format != "date":
        length = type.bounds.max_length
        if type.enum:
            # Room for values to come, which then need no migration.
            length = max(_WORD, *(len(str(value)) for value in type.enum))
        return f"{module.use('runtime.columns', 'Exact')}({length or ''})"
    return None
