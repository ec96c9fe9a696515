"""`documents.py`: a Beanie document an entity at home in MongoDB: the declared schema, for indexes,
admin work and readers.
"""

from __future__ import annotations

from compiler.emit.collections import entities, set_fields
from compiler.emit.lines import Module, literal
from compiler.emit.storage import columns, optional, resolved
from compiler.ir import Contract, Field, Schema, Type

_DECLARED = "runtime.adapters.mongodb.declared"
# What Beanie's Document calls its own: a field of that name would hide it.
# tests/compiler/test_documents.py holds this to the library.
RESERVED = frozenset(
    """add_child aggregate all avg bulk_writer construct copy count create current_date delete
    delete_all dict distinct fetch_all_links fetch_link fill_back_refs find find_all find_many
    find_one from_orm get get_bson_encoders get_changes get_collection_name get_link_fields
    get_model_type get_previous_changes get_previous_saved_state get_pymongo_collection
    get_saved_state get_settings has_changed inc insert insert_many insert_one inspect_collection
    is_changed json lazy_parse link_from_id max min parse_file parse_obj parse_raw parse_store
    replace replace_many revision_id rollback save save_changes schema schema_json set
    set_collection set_collection_name set_database state_management_replace_objects
    state_management_save_previous sum sync to_ref update update_all update_forward_refs
    use_state_management validate validate_self Settings outbox""".split()
)


def emit(contract: Contract) -> dict[str, str]:
    """`documents.py`."""
    module = Module(
        "documents.py",
        "The entities in MongoDB as Beanie documents. The hot path never imports them: "
        "collections.py holds what is derived from the same entities.",
    )
    at_home = [*entities(contract)]
    schemas = {schema.name: schema for schema in contract.schemas}
    inner: list[str] = []
    for schema in at_home:
        for field in columns(schema):
            _inner(module, field.type, schemas, inner)
    for schema in at_home:
        _document(module, schema, schemas)
    module.gap()
    document = module.use("beanie", "Document")
    module.line(f"DOCUMENTS: tuple[type[{document}], ...] = (")
    for schema in at_home:
        module.line(f"    {schema.python}Document,")
    module.line(")")
    return {module.path: module.text()}


def _document(module: Module, schema: Schema, schemas: dict[str, Schema]) -> None:
    entity = schema.entity
    assert entity is not None
    stored = columns(schema)
    attributes = {field.name: field.python for field in stored}
    sets = set_fields(schema)
    module.gap()
    with module.block(f"class {schema.python}Document({module.use('beanie', 'Document')}):"):
        module.doc(schema.doc or schema.name)
        module.line()
        for field in stored:
            if field.name == "id":
                module.line(
                    "id: str  # type: ignore[assignment] # ours, where Beanie has the driver's"
                )
                continue
            _field(module, field, schemas)
        for name, paths in sets.values():
            if paths:
                module.line(f"{name}: list[str]")
        entry = module.use(_DECLARED, "OutboxEntry")
        factory = f"{module.use('pydantic', 'Field')}(default_factory=list)"
        module.line(f"outbox: list[{entry}] = {factory}")
        module.line()
        with module.block("class Settings:"):
            module.doc("Where it is kept, and what is found fast.")
            module.line()
            module.line(f"name = {literal(entity.table)}")
            module.line("keep_nulls = False")
            module.line("indexes = [")
            for group in entity.unique:
                _index(module, "unique", [attributes[f] for f in group])
            for group in entity.indexes:
                _index(module, "keyset", [attributes[f] for f in group])
            for name, _ in sets.values():
                _index(module, "keyset", [name, attributes["createdAt"]])
            module.line(f"    {module.use(_DECLARED, 'OUTBOX')},")
            module.line("]")


def _index(module: Module, kind: str, names: list[str]) -> None:
    module.line(f"    {module.use(_DECLARED, kind)}({', '.join(map(literal, names))}),")


def _field(module: Module, field: Field, schemas: dict[str, Schema]) -> None:
    annotation = _annotation(module, field.type, schemas)
    name = field.python
    options = []
    if name in RESERVED:
        options.append(f"alias={literal(name)}")
        name += "_"
    if optional(field):
        annotation += " | None"
        options.insert(0, "default=None")
    if options == ["default=None"]:
        module.line(f"{name}: {annotation} = None")
    elif options:
        module.line(
            f"{name}: {annotation} = {module.use('pydantic', 'Field')}({', '.join(options)})"
        )
    else:
        module.line(f"{name}: {annotation}")


def _is_value(type: Type, named: str | None) -> bool:
    """Whether it is an object that is kept as one."""
    return type.kind == "object" and bool(named and type.fields) and not type.members


def _annotation(module: Module, declared: Type, schemas: dict[str, Schema]) -> str:
    type, named = resolved(declared, schemas)
    if type.enum and named:
        return module.use("generated.models", schemas[named].python)
    if type.format == "decimal":
        return module.use("beanie", "DecimalAnnotation")
    if type.format == "date":
        return module.use("datetime", "date")
    if type.format == "date-time":
        return module.use("datetime", "datetime")
    if type.format in ("binary", "byte"):
        return "bytes"
    if type.kind == "array" and type.item and not type.item.nullable:
        return f"list[{_annotation(module, type.item, schemas)}]"
    if _is_value(type, named) and named:
        return f"{schemas[named].python}Value"
    # What is kept as JSON text is read as text.
    return {"integer": "int", "number": "float", "boolean": "bool"}.get(type.kind, "str")


def _inner(module: Module, declared: Type, schemas: dict[str, Schema], known: list[str]) -> None:
    """The objects within an entity, those first that others hold."""
    type, named = resolved(declared, schemas)
    if type.kind == "array" and type.item:
        _inner(module, type.item, schemas, known)
    if not _is_value(type, named) or named is None or named in known:
        return
    known.append(named)
    for field in type.fields:
        _inner(module, field.type, schemas, known)
    module.gap()
    model = module.use("pydantic", "BaseModel")
    with module.block(f"class {schemas[named].python}Value({model}):"):
        module.doc(schemas[named].doc or named)
        module.line()
        for field in type.fields:
            _field(module, field, schemas)
