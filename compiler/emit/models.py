"""`models.py` and `scalars.py`: every named schema as a pydantic model, by datamodel-code-
generator.

The library is given what the linker understood, not the raw spec: references resolved to names,
allOf merged, names settled. So a name means the same class in every generated module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from compiler.emit.lines import HEADER, Module, docstring, literal
from compiler.ir import Contract, Field, Schema, Type
from compiler.naming import inner_class

# Formats that JSON has no type for; each becomes an annotated type in scalars.py, with its own
# pattern.
_SCALARS = {"decimal": "decimal_type", "date": "day_type", "date-time": "timestamp_type"}
_BASES = {
    "decimal": ("decimal", "Decimal"),
    "date": ("datetime", "date"),
    "date-time": ("datetime", "datetime"),
}
# The library drops uniqueItems; this key it carries through, to where `_distinct` finds it.
_UNIQUE = "x-unique"
_MARKED = re.compile(
    rf"""Field\(json_schema_extra=\{{'{_UNIQUE}': True\}}(?:, )?((?:[^()'"]|'[^']*'|"[^"]*")*)\)"""
)
_UNNAMED = {"decimal": "AnyDecimal", "date": "AnyDay", "date-time": "AnyTimestamp"}


def emit(contract: Contract) -> dict[str, str]:
    """`models.py`, and `scalars.py` beside it."""
    scalars = [s for s in contract.schemas if is_scalar(s.type)]
    return {"scalars.py": _scalars(scalars), "models.py": _models(contract, scalars)}


def is_scalar(type: Type) -> bool:
    """Whether the type is a string that Python has a better type for."""
    return type.kind == "string" and type.format in _SCALARS and not type.enum


def inline_types(contract: Contract) -> Iterator[tuple[str, Type]]:
    """Bodies and responses that have no name of their own, with the name they get."""
    for operation in contract.operations:
        rest = operation.rest
        if rest is None:
            continue
        stem = operation.python.title().replace("_", "")
        if rest.body:
            for at, media in enumerate(rest.body.content):
                if is_json(media.name) and media.type.kind in _NAMED:
                    yield f"{stem}Body{at or ''}", media.type
        for response in rest.responses:
            for at, media in enumerate(response.content):
                if is_json(media.name) and media.type.kind in _NAMED:
                    yield f"{stem}{response.status.title()}{at or ''}", media.type


_NAMED = ("object", "array", "union", "map")


def is_json(media: str) -> bool:
    """Whether a content type carries JSON."""
    essence = media.partition(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


def _scalars(scalars: list[Schema]) -> str:
    module = Module("scalars.py", "String formats as the Python types that they mean.")
    for schema in scalars:
        bounds = schema.type.bounds
        maker = module.use("runtime.scalar", _SCALARS[schema.type.format or ""])
        maker_args = f"{literal(bounds.pattern)}, {bounds.min_length}, {bounds.max_length}"
        base = module.use(*_BASES[schema.type.format or ""])
        annotated = module.use("typing", "Annotated")
        module.line(f"{schema.python} = {annotated}[{base}, *{maker}({maker_args})]")
        for part in docstring(schema.doc, 0):
            module.line(part)
    return module.text()


def _models(contract: Contract, scalars: list[Schema]) -> str:
    # Imported here: 0.1 s that `check` and `--help` should not pay, and 0.8 s at the first use.
    from datamodel_code_generator import InputFileType, generate
    from datamodel_code_generator.enums import DataModelType
    from datamodel_code_generator.format import PythonVersion

    names = {schema.name: schema.python for schema in contract.schemas}
    kinds = {schema.name: schema.type for schema in contract.schemas}
    schemas: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for schema in contract.schemas:
        # A scalar's type stands in scalars.py; the library only needs to know that there is one.
        plain = {"type": "string"} if is_scalar(schema.type) else _named(schema, names)
        schemas[schema.python] = plain
        _alias(schema.python, schema.type.fields, aliases)
        if schema.entity and schema.entity.private:
            name = record_name(schema)
            schemas[name] = {
                "description": f"{schema.python} as stored: with the fields that are never shown.",
                "allOf": [
                    {"$ref": f"#/components/schemas/{schema.python}"},
                    _object(schema.entity.private, names),
                ],
            }
            _alias(name, schema.entity.private, aliases)
    for name, inline in inline_types(contract):
        schemas[name] = json_schema(inline, names)
        _alias(name, inline.fields, aliases)
    header = f'"""The schemas of the contract as models.\n\n{HEADER}\n"""\n'
    if not schemas:
        return header  # the library takes a document without schemas for a mistake
    document = {
        "openapi": "3.0.3",
        "info": {"title": "models", "version": "1"},
        "paths": {},
        "components": {"schemas": dict(sorted(schemas.items()))},
    }
    entities: dict[str, str | list[str]] = {
        name: "runtime.model.Entity"
        for schema in contract.schemas
        if schema.entity
        for name in {schema.python, record_name(schema)}
    }
    text = generate(
        document,
        input_file_type=InputFileType.OpenAPI,
        output_model_type=DataModelType.PydanticV2BaseModel,
        base_class="runtime.model.Model",
        base_class_map=entities,
        type_overrides={s.python: f"generated.scalars.{s.python}" for s in scalars},
        aliases=aliases,
        snake_case_field=True,
        allow_population_by_field_name=True,
        use_annotated=True,
        field_constraints=True,
        use_standard_collections=True,
        use_union_operator=True,
        use_type_alias=True,
        use_schema_description=True,
        use_double_quotes=True,
        set_default_enum_member=True,
        capitalise_enum_members=True,
        strict_nullable=True,
        field_extra_keys={_UNIQUE},
        custom_class_name_generator=lambda name: name if name in schemas else inner_class(name),
        target_python_version=PythonVersion.PY_311,
        custom_file_header=header,
        formatters=[],
    )
    assert isinstance(text, str), "one document gives one module"
    return _mended(text, {name for name, kind in kinds.items() if kind.kind == "object"})


def record_name(schema: Schema) -> str:
    """The class that a store keeps: the schema's own, or the one with its private fields."""
    return f"{schema.python}Record" if schema.entity and schema.entity.private else schema.python


def _alias(owner: str, fields: tuple[Field, ...], aliases: dict[str, str]) -> None:
    for field in fields:
        if field.python != field.name:
            aliases[f"{owner}.{field.name}"] = field.python


def _named(schema: Schema, names: dict[str, str]) -> dict[str, Any]:
    document = json_schema(schema.type, names)
    if schema.doc:
        document["description"] = schema.doc
    return document


def json_schema(type: Type, names: dict[str, str]) -> dict[str, Any]:
    """`type` as a JSON schema of OpenAPI 3.0, its references to the names in `names`."""
    document: dict[str, Any]
    if type.kind == "ref":
        target = {"$ref": f"#/components/schemas/{names[type.ref or '']}"}
        return {"allOf": [target], "nullable": True} if type.nullable else target
    if type.kind == "object":
        document = _object(type.fields, names)
        if not type.closed:
            document["additionalProperties"] = True
    elif type.kind == "map":
        document = {"type": "object"}
        document["additionalProperties"] = json_schema(type.item, names) if type.item else True
    elif type.kind == "array":
        document = {"type": "array", "items": json_schema(type.item, names) if type.item else {}}
    elif type.kind == "union":
        document = {"oneOf": [json_schema(member, names) for member in type.members]}
        if type.discriminator:
            document["discriminator"] = {"propertyName": type.discriminator}
    elif type.kind == "any":
        document = {}
    else:
        document = {"type": type.kind}
    if is_scalar(type):
        document["customTypePath"] = f"runtime.scalar.{_UNNAMED[type.format or '']}"
    else:
        document |= _bounds(type)
    if type.enum:
        document["enum"] = list(type.enum)
    if type.nullable:
        document["nullable"] = True
    return document


def _object(fields: tuple[Field, ...], names: dict[str, str]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for field in fields:
        schema = json_schema(field.type, names)
        if field.has_default:
            if "$ref" in schema:
                schema = {"allOf": [schema]}
            schema["default"] = field.default
        properties[field.name] = schema
    document: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    required = [field.name for field in fields if field.required]
    return document | ({"required": required} if required else {})


def _bounds(type: Type) -> dict[str, Any]:
    bounds = type.bounds
    words = {
        "minLength": bounds.min_length,
        "maxLength": bounds.max_length,
        "pattern": bounds.pattern,
        "minimum": bounds.minimum,
        "maximum": bounds.maximum,
        "multipleOf": bounds.multiple_of,
        "minItems": bounds.min_items,
        "maxItems": bounds.max_items,
        "minProperties": bounds.min_properties,
        "maxProperties": bounds.max_properties,
    }
    found: dict[str, Any] = {word: value for word, value in words.items() if value is not None}
    if bounds.exclusive_minimum:
        found["exclusiveMinimum"] = True
    if bounds.exclusive_maximum:
        found["exclusiveMaximum"] = True
    if bounds.unique_items:
        found[_UNIQUE] = True
    return found


def _mended(text: str, objects: set[str]) -> str:
    """The library's text, with the base class's own configuration left out of each model."""
    for repeated in (
        "    model_config = ConfigDict(\n        extra='forbid',\n        populate_by_name=True,\n"
        "    )\n",
        "    model_config = ConfigDict(\n        populate_by_name=True,\n    )\n",
    ):
        text = text.replace(repeated, "")
    lines = text.split("\n")
    mended: list[str] = []
    for at, line in enumerate(lines):
        mended.append(line)
        following = lines[at + 1] if at + 1 < len(lines) else ""
        # A class whose whole body was its configuration.
        if line.startswith("class ") and not following.startswith("    "):
            mended.append("    pass")
    return _documented(_distinct("\n".join(mended)))


def _distinct(text: str) -> str:
    """The marked arrays, with the validator that holds their items apart."""
    text, found = _MARKED.subn(lambda m: f"Field({m[1]}), DISTINCT" if m[1] else "DISTINCT", text)
    if found:
        text = text.replace(
            "\nfrom pydantic", "\nfrom runtime.model import DISTINCT\nfrom pydantic", 1
        )
    return text


def _documented(text: str) -> str:
    """Docstrings rewrapped to the house's width."""
    tree = ast.parse(text)
    lines = text.split("\n")
    for node in sorted(
        (n for n in tree.body if isinstance(n, ast.ClassDef)), key=lambda n: -n.lineno
    ):
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            new = ["    " + part if part else "" for part in docstring(first.value.value, 4)]
            lines[first.lineno - 1 : first.end_lineno] = new
    return "\n".join(lines)
