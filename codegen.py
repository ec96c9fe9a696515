"""The compiler's command: specs in, `generated/` out. See `python codegen.py --help`."""

from __future__ import annotations

import argparse
import sys
from keyword import iskeyword
from pathlib import Path

from compiler.explain import dump, explain
from compiler.generate import generate
from compiler.ir import Contract
from compiler.load import load
from compiler.scaffold import Exists, scaffold
from compiler.source import SpecErrors
from compiler.writer import NotOurs, differences, write

# Exit codes: 0 done, 1 `check` found differences or a name is unknown, 2 the specs are refused.
DIFFERS, REFUSED = 1, 2


def main(argv: list[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    options = _parser().parse_args(argv)
    try:
        contract = load(options.specs)
        if options.dump_ir:
            print(dump(contract))
            return 0
        match options.command:
            case "lint":
                print(f"{options.specs}: {len(contract.operations)} operations, nothing to report")
            case "explain":
                print(explain(contract, options.operation))
            case "scaffold":
                print(scaffold(contract, options.service, options.handlers))
            case "check":
                return _check(contract, options.out)
            case _:
                return _generate(contract, options.out)
    except SpecErrors as errors:
        print(errors, file=sys.stderr)
        print(f"{len(errors.errors)} to mend; nothing was written.", file=sys.stderr)
        return REFUSED
    except (NotOurs, Exists, KeyError) as error:
        print(error.args[0], file=sys.stderr)
        return DIFFERS
    return 0


def _generate(contract: Contract, out: Path) -> int:
    changed = write(generate(contract, _package(out)), out)
    for line in changed:
        print(line)
    print(f"{out}: {len(changed)} files changed" if changed else f"{out}: up to date")
    return 0


def _check(contract: Contract, out: Path) -> int:
    found = differences(generate(contract, _package(out)), out)
    for line in found:
        print(line)
    if found:
        print(f"{out} is not what the specs say: run `python codegen.py`", file=sys.stderr)
        return DIFFERS
    print(f"{out}: up to date")
    return 0


def _package(out: Path) -> str:
    """The package that the folder is: its name, as Python imports it. Raises NotOurs."""
    name = out.resolve().name
    if not name.isidentifier() or iskeyword(name):
        raise NotOurs(f"{name} is no name for a Python package: choose another folder with --out")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codegen.py", description="Compiles the specs to generated/.", allow_abbrev=False
    )
    parser.add_argument("--specs", type=Path, default=Path("specs"), help="folder of the specs")
    parser.add_argument("--out", type=Path, default=Path("generated"), help="folder to write")
    parser.add_argument("--dump-ir", action="store_true", help="print the Contract as JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("generate", help="write generated/ (the default)")
    commands.add_parser("check", help="exit 1 and list the files that differ")
    commands.add_parser("lint", help="report every problem of the specs")
    explained = commands.add_parser("explain", help="one operation as all protocols see it")
    explained.add_argument("operation", help="an operationId, such as getBudget")
    scaffolded = commands.add_parser("scaffold", help="write a handler's skeleton where none is")
    scaffolded.add_argument("service", help="a service, such as budget")
    scaffolded.add_argument("--handlers", type=Path, default=Path("handlers"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
