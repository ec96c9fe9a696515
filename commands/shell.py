"""What every command stands on: options, settings, exit codes, and how it talks.

Answers go to stdout, all else to stderr. Exit codes: 0 done, 1 refused, failed or found wrong, 2
the command line is wrong (Typer's own).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from runtime.settings import Settings

T = TypeVar("T")

FAILED = 1

Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder (DATA_DIR; default: data).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def group(about: str) -> typer.Typer:
    """A group of commands, made as the whole is."""
    # Rich draws tables; drawing help with it would double the time that --help takes.
    return typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)


def settings_of(
    data: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    grpc_port: int | None = None,
    *,
    embedded: bool = False,
) -> Settings:
    """The settings of the environment and of the options, which win; exits where they are faulty.

    `embedded`: of the data folder alone, whatever servers the environment names.
    """
    from runtime.settings import BACKENDS, Settings, SettingsError

    environ = dict(os.environ)
    given = {"DATA_DIR": data, "HOST": host, "PORT": port, "GRPC_PORT": grpc_port}
    environ |= {name: str(value) for name, value in given.items() if value is not None}
    if embedded:
        environ = {name: value for name, value in environ.items() if name not in BACKENDS}
    try:
        return Settings.read(environ)
    except SettingsError as error:
        fail(str(error))


def existing(settings: Settings) -> Settings:
    """`settings`, if there is something to look at; exits where a wrong folder was named."""
    if not settings.configured_backends() and not (settings.data_dir / "budget.db").exists():
        fail(f"there is no data in the folder {settings.data_dir}: name another with --data")
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command's work; a refusal becomes a message and exit code 1, never a traceback."""
    import asyncio

    from runtime.adapters.sqlite import CannotOpen
    from runtime.problem import Problem
    from runtime.settings import SettingsError

    try:
        return asyncio.run(work)
    except Refused as refused:
        fail(str(refused))
    except (CannotOpen, Problem, SettingsError) as error:
        fail(str(error) or type(error).__name__)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or type(error).__name__}")
    except KeyboardInterrupt:
        typer.echo("budget-manager: stopped", err=True)
        raise typer.Exit(130) from None


class Refused(Exception):
    """A command cannot do what it was asked to; the message says why, and what would help."""


def fail(reason: str) -> NoReturn:
    """Says why, and ends with exit code 1."""
    typer.echo(f"budget-manager: {reason}", err=True)
    raise typer.Exit(FAILED)


def confirm(question: str, yes: bool) -> None:
    """Goes on if the user wants to; where nobody can be asked, only with --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Say --yes, as nobody can be asked here.")
    if not typer.confirm(f"{question} Go on?", err=True):
        raise typer.Exit(FAILED)


def say(text: str) -> None:
    """A line of the answer."""
    typer.echo(text)


def note(text: str) -> None:
    """A line for whoever watches; it is no part of the answer."""
    typer.echo(text, err=True)


def say_json(value: Any) -> None:
    """The answer as one JSON document, indented where a person reads it."""
    typer.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns, the first of them named; plain text, so that it can be cut and grepped."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def seconds(age: float) -> str:
    """`42 s`, `5 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= 2 * size:
            return f"{age / size:.0f} {unit}"
    return f"{age:.0f} s"
