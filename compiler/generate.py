"""All emitters over one Contract: the files of the output folder."""

from __future__ import annotations

from compiler.emit import errors, events, models, openapi, rest, services, storage, tables, values
from compiler.emit.lines import HEADER
from compiler.ir import Contract
from compiler.writer import format_python

_EMITTERS = (openapi, models, errors, services, events, storage, tables, rest, values)


def generate(contract: Contract) -> dict[str, str]:
    """Relative path → text of everything that the contract compiles to."""
    files = {"__init__.py": f'"""{contract.title} {contract.version}, compiled.\n\n{HEADER}\n"""\n'}
    for emitter in _EMITTERS:
        files |= emitter.emit(contract)
    return format_python(files)
