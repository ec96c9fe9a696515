"""All emitters over one Contract: the files of the output folder."""

from __future__ import annotations

import re

from compiler.emit import (
    brokers,
    collections,
    documents,
    errors,
    events,
    graphql,
    graphql_examples,
    grpc,
    index,
    inputs,
    messages,
    models,
    nginx,
    openapi,
    rest,
    rows,
    services,
    storage,
    tables,
    values,
    websocket,
)
from compiler.emit.lines import HEADER
from compiler.ir import Contract
from compiler.writer import format_python

_EMITTERS = (
    openapi,
    models,
    errors,
    services,
    events,
    messages,
    brokers,
    storage,
    rows,
    tables,
    inputs,
    rest,
    values,
    grpc,
    nginx,
    rows,
    collections,
    documents,
    index,
    graphql,
    graphql_examples,
    websocket,
)


# How the emitters call the package that they write into.
_PACKAGE = re.compile(r"^(\s*from )generated(?=[. ])", re.MULTILINE)


def generate(contract: Contract, package: str = "generated") -> dict[str, str]:
    """Relative path → text of all that the contract compiles to, as the package `package`."""
    files = {"__init__.py": f'"""{contract.title} {contract.version}, compiled.\n\n{HEADER}\n"""\n'}
    for emitter in _EMITTERS:
        files |= emitter.emit(contract)
    if package != "generated":
        files = {
            name: _PACKAGE.sub(rf"\g<1>{package}", text) if name.endswith(".py") else text
            for name, text in files.items()
        }
    return format_python(files, package)
