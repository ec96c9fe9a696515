"""`index.py`: an Elasticsearch document for each entity that is searched (`x-search`).

A searched text is indexed twice, as its folded words and as their stems: the adapter folds, so that
every index finds the same (runtime/adapters/search_text.py). Money is in minor units.
"""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.emit.storage import columns, resolved
from compiler.ir import Contract, Field, Schema, SearchInfo, Type

# elasticsearch-dsl by the name under which it has types.
_DSL = "elasticsearch.dsl"
# A text up to so many characters is also kept whole, to be counted and suggested.
_SUGGESTED = 500


def emit(contract: Contract) -> dict[str, str]:
    """`index.py`; nothing where nothing is searched."""
    searched = [schema for schema in contract.schemas if schema.search and schema.entity]
    if not searched:
        return {}
    module = Module("index.py", "What the full-text index keeps, as elasticsearch-dsl has it.")
    dsl = _DSL
    analyzer, token_filter = module.use(dsl, "analyzer"), module.use(dsl, "token_filter")
    module.line("# Texts arrive folded, their words parted by spaces.")
    module.line(f'WORDS = {analyzer}("words", tokenizer="whitespace")')
    module.line(f"STEMS = {analyzer}(")
    module.line('    "stems",')
    module.line('    tokenizer="whitespace",')
    module.line(
        f'    filter=[{token_filter}("english_stems", type="stemmer", language="porter2")],'
    )
    module.line(")")
    schemas = {schema.name: schema for schema in contract.schemas}
    for schema in searched:
        assert schema.search is not None
        _document(module, schema, schema.search, schemas)
    return {module.path: module.text()}


def _document(
    module: Module, schema: Schema, search: SearchInfo, schemas: dict[str, Schema]
) -> None:
    dsl = _DSL
    document, keyword = module.use(dsl, "AsyncDocument"), module.use(dsl, "Keyword")
    fields = {field.name: field for field in columns(schema)}
    types = {name: resolved(field.type, schemas)[0] for name, field in fields.items()}
    text, long = module.use(dsl, "Text"), module.use(dsl, "Long")
    module.gap()
    with module.block(f"class {schema.python}Index({document}):"):
        module.doc(f"What is searched of {schema.name}, at its version.")
        module.line()
        module.line("# The id once more: what ties is sorted by it.")
        module.line(f"id = {keyword}()")
        module.line("# The day, since 1970, on which it was deleted: what comes late stays away.")
        module.line(f"dead = {long}()")
        module.line("# The texts as they were written: shown, not searched.")
        module.line(f"shown = {module.use(dsl, 'Object')}(enabled=False)")
        module.line("# The words of all texts, among which misspelt ones are sought.")
        module.line(f'words = {text}(analyzer=WORDS, index_options="docs", norms=False)')
        for name in search.text:
            python = fields[name].python
            words = f'{text}(analyzer=WORDS, index_options="docs", norms=False)'
            module.line(f"{python}_words = {words}")
            module.line(f"{python}_stems = {text}(analyzer=STEMS)")
            if name not in search.filters and _short(types[name]):
                module.line(f"{python}_raw = {keyword}(index=False)")
        for name in search.filters:
            for line in _filter(module, fields[name], types[name]):
                module.line(line)
        for name in search.facets:
            python = fields[name].python if name in fields else name
            module.line(f"{python}_facet = {keyword}(index=False)")
        module.line()
        with module.block("class Meta:"):
            module.doc("Nothing is indexed that is not said here.")
            module.line()
            module.line(f'dynamic = {module.use(dsl, "MetaField")}("strict")')
        module.line()
        with module.block("class Index:"):
            module.doc("One shard, so that scores compare; raise it where one does not hold all.")
            module.line()
            assert schema.entity is not None
            module.line(f"name = {literal(schema.entity.table)}")
            module.line('settings = {"number_of_shards": 1, "max_result_window": 20000}')


def _short(type: Type) -> bool:
    """Whether the text is short enough to be kept whole; of a list its items."""
    most = type.bounds.max_length
    return type.kind == "string" and most is not None and most <= _SUGGESTED


def _filter(module: Module, field: Field, type: Type) -> list[str]:
    """The field that a filter compares; money also in halves, as sums are made in doubles."""
    dsl = _DSL
    python = field.python
    if type.format == "decimal":
        long = module.use(dsl, "Long")
        halves = [f"{python}_{half} = {long}(index=False)" for half in ("high", "low")]
        return [f"{python} = {long}()", *halves]
    if type.kind == "integer":
        return [f"{python} = {module.use(dsl, 'Long')}()"]
    if type.kind == "boolean":
        return [f"{python} = {module.use(dsl, 'Boolean')}()"]
    if type.format in ("date", "date-time"):
        pattern = "strict_date" if type.format == "date" else "strict_date_time"
        return [f"{python} = {module.use(dsl, 'Date')}(format={literal(pattern)})"]
    return [f"{python} = {module.use(dsl, 'Keyword')}()"]
