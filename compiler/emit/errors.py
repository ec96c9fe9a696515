"""`errors.py`: one exception a problem code, and the table that gives each code its statuses."""

from __future__ import annotations

from compiler.emit.lines import Module, literal
from compiler.ir import Contract


def emit(contract: Contract) -> dict[str, str]:
    """`errors.py`."""
    module = Module(
        "errors.py", "The contract's problem codes: an exception each, and their table."
    )
    problem = module.use("runtime.problem", "Problem")
    kind = module.use("runtime.problem", "ProblemKind")
    for row in contract.problems:
        module.gap()
        with module.block(f"class {row.python}({problem}):"):
            module.doc(f"{row.status}: {row.title}.")
            module.line()
            module.line(f"code = {literal(row.code)}")
    module.gap()
    with module.block(f"PROBLEMS: dict[str, {kind}] = {{"):
        for row in contract.problems:
            values = (row.code, row.status, row.grpc, row.graphql, row.title)
            module.line(f"{literal(row.code)}: {kind}({', '.join(map(literal, values))}),")
    module.line("}")
    return {module.path: module.text()}
