"""`budget-manager`: the platform's command line. Heavy parts are imported by the commands that need
them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from runtime.settings import Settings

# Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong (Typer's own).
FAILED = 1

app = typer.Typer(
    name="budget-manager",
    help="Budgets over REST from one contract.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Rich draws tables; drawing help with it would double the time that --help takes.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
users = typer.Typer(help="Accounts.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(users, name="users")

Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder (DATA_DIR; default: data).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"budget-manager {version('budget-manager')}")
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Budgets over REST from one contract."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT; 3000).")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of gRPC (GRPC_PORT; 50051).")] = None,
    data: Data = None,
    interpreted: Annotated[
        bool, typer.Option(help="Let connexion interpret specs/: edit a spec, restart.")
    ] = False,
) -> None:
    """Serve the platform, embedded unless servers are configured."""
    import asyncio

    import uvloop

    from app import run
    from runtime.adapters.sqlite import CannotOpen
    from runtime.serve import PortTaken, lean_heap
    from runtime.settings import SettingsError

    settings = _settings(data, host, port, grpc_port)
    lean_heap()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, interpreted=interpreted))
    except (CannotOpen, PortTaken, SettingsError) as error:
        _fail(str(error))


@users.command("set-role")
def set_role(
    email: Annotated[str, typer.Argument(help="The account's address.")],
    role: Annotated[str, typer.Argument(help="user, manager, support or admin.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give an account a role; its address counts as verified. So the first admin is made."""
    from app import administer
    from generated.models import Role

    if role not in {known.value for known in Role}:
        _fail(f"no role is called {role}: choose {', '.join(known.value for known in Role)}")
    user = _run(administer(_settings(data), lambda world: world.auth.set_role(email, Role(role))))
    if user is None:
        _fail(f"no account has the address {email}")
    if as_json:
        typer.echo(user.model_dump_json(by_alias=True, include=_USER_FIELDS))
    else:
        typer.echo(f"{user.email} is {user.role.value} now")


_USER_FIELDS = {"id", "email", "name", "role", "email_verified"}


@app.command()
def seed(
    data: Data = None,
    force: Annotated[bool, typer.Option(help="Also on configured servers.")] = False,
    as_json: Json = False,
) -> None:
    """Fill in demo accounts and a believable year; repeatable: what is there stays."""
    from app import administer
    from handlers.demo import sow

    settings = _settings(data)
    servers = settings.configured_backends()
    if servers and not force:
        _fail(f"{servers[0]} is set: demo data on real servers only with --force")
    report = _run(administer(settings, sow))
    if as_json:
        typer.echo(json.dumps(report))
        return
    for name, count in report["made"].items():
        typer.echo(f"{count:>6} {name}")
    typer.echo("Sign in as:")
    for account in report["accounts"]:
        typer.echo(f"  {account['email']} / {account['password']} ({account['role']})")


@app.command("list-budgets")
def list_budgets(
    email: Annotated[str, typer.Option("--user", help="Whose.")] = "user@example.com",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the budgets that an account owns or shares."""
    from app import administer

    found = _run(administer(_settings(data), lambda world: world.budgets_of(email)))
    if found is None:
        _fail(f"no account has the address {email}")
    if as_json:
        typer.echo("[" + ",".join(b.model_dump_json(by_alias=True) for b in found) + "]")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Budget", "Period", "Limit", "Spent", "Id", box=None)
    for budget in found:
        money = (f"{budget.limit} {budget.currency.value}", f"{budget.spent}")
        table.add_row(budget.name, budget.period.value, *money, budget.id)
    Console().print(table if found else "no budgets yet")


def _settings(
    data: Path | None,
    host: str | None = None,
    port: int | None = None,
    grpc_port: int | None = None,
) -> Settings:
    from runtime.settings import Settings, SettingsError

    environ = dict(os.environ)
    given = {"DATA_DIR": data, "HOST": host, "PORT": port, "GRPC_PORT": grpc_port}
    environ |= {name: str(value) for name, value in given.items() if value is not None}
    try:
        return Settings.read(environ)
    except SettingsError as error:
        _fail(str(error))


def _run(work: Any) -> Any:
    import asyncio

    from runtime.adapters.sqlite import CannotOpen
    from runtime.problem import Problem
    from runtime.settings import SettingsError

    try:
        return asyncio.run(work)
    except (CannotOpen, Problem, SettingsError) as error:
        _fail(str(error))


def _fail(reason: str) -> NoReturn:
    typer.echo(f"budget-manager: {reason}", err=True)
    raise typer.Exit(FAILED)


def main() -> None:
    """The console script."""
    try:
        app()
    except BrokenPipeError:
        # `budget-manager … | head`: the reader has what it wants.
        sys.stderr.close()


if __name__ == "__main__":
    main()
