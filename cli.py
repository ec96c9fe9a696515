"""`budget-manager`: the platform's command line. Heavy parts are imported by the commands that need
them.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from commands import dead_letters
from commands.accounts import export_account, import_account
from commands.doctor import doctor, migrate
from commands.move import move
from commands.outbox import outbox
from commands.reindex import reindex
from commands.shell import Data, Json, fail, group, run, settings_of

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
users = group("Accounts.")
app.add_typer(users, name="users")
app.add_typer(dead_letters.app, name="dead-letters")


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

    from app import run as run_server
    from runtime.adapters.sqlite import CannotOpen
    from runtime.serve import PortTaken, lean_heap
    from runtime.settings import SettingsError

    settings = settings_of(data, host, port, grpc_port)
    lean_heap()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_server(settings, interpreted=interpreted))
    except (CannotOpen, PortTaken, SettingsError) as error:
        fail(str(error))


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
        fail(f"no role is called {role}: choose {', '.join(known.value for known in Role)}")
    user = run(administer(settings_of(data), lambda world: world.auth.set_role(email, Role(role))))
    if user is None:
        fail(f"no account has the address {email}")
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

    settings = settings_of(data)
    servers = settings.configured_backends()
    if servers and not force:
        fail(f"{servers[0]} is set: demo data on real servers only with --force")
    report = run(administer(settings, sow))
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

    found = run(administer(settings_of(data), lambda world: world.budgets_of(email)))
    if found is None:
        fail(f"no account has the address {email}")
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


# What has a module of its own, with what the list of commands says of it, and an example.
for name, command, short, example in (
    ("doctor", doctor, "Say what is wrong here, and what to do.", "doctor --json"),
    ("migrate", migrate, "Bring the schemas to this version.", "migrate --dry-run"),
    ("outbox", outbox, "Show the events that wait.", "outbox --max-age 300 || page-somebody"),
    ("reindex", reindex, "Build the search index anew.", "reindex --as admin@example.com"),
    (
        "export",
        export_account,
        "Write an account's data into a file.",
        "export ann@example.com --to ann.jsonl",
    ),
    ("import", import_account, "Take in such a file.", "import ann.jsonl --dry-run"),
    ("move", move, "Go to real servers, or back.", "move --from data --to env --dry-run"),
):
    app.command(name, short_help=short, epilog=f"Example: budget-manager {example}")(command)


def main() -> None:
    """The console script."""
    try:
        app()
    except BrokenPipeError:
        # `budget-manager … | head`: the reader has what it wants.
        sys.stderr.close()


if __name__ == "__main__":
    main()
