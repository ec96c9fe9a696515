"""`export` and `import`: all of one account's data as a file."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from commands import shell

if TYPE_CHECKING:
    from app import Platform

# How long events that were committed before may take to have their effect.
_SETTLE = 30.0
_DELETIONS = {"user.deleted.v1", "budget.deleted.v1"}


def export_account(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The account's address.")],
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="The file to write; - is stdout.")
    ],
    with_password_hash: Annotated[
        bool, typer.Option("--with-password-hash", help="So that the password goes on elsewhere.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the file.")] = False,
    data: shell.Data = None,
    as_json: shell.Json = False,
) -> None:
    """Write all of an account's data into a file: JSON lines with counts and a checksum.

    Its profile, budgets with all in them, expenses in others' budgets, orders and their customers,
    ledger, notifications, talk with support, tasks. The file is private: only you can read it.
    """
    from app import administer

    if as_json and str(to) == "-":
        raise typer.BadParameter("--json is about the file, so --to must name one")
    if str(to) != "-" and to.exists() and not force:
        shell.fail(f"{to} exists: say --force to replace it")
    settings = shell.existing(shell.settings_of(data))
    counts = shell.run(
        administer(settings, lambda world: _export(world, email, to, secrets=with_password_hash))
    )
    if as_json:
        shell.say_json({"file": str(to), "counts": counts})
    elif str(to) != "-":
        _show("RECORDS", counts)


def import_account(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote; - is stdin.")],
    keep_role: Annotated[
        bool, typer.Option("--keep-role", help="Also make a staff account one of staff here.")
    ] = False,
    dry_run: shell.DryRun = False,
    data: shell.Data = None,
    as_json: shell.Json = False,
) -> None:
    """Take in an account's data: all of it, or nothing and every fault with its line.

    Ids stay. What is here already stays as it is, and what differs is listed; so it can be run
    again. Nobody gets a password that the file does not hold: it is reset by mail then.
    """
    from app import administer

    settings = shell.settings_of(data)
    report = shell.run(
        administer(settings, lambda world: _import(world, file, keep_role, dry_run=dry_run))
    )
    if as_json:
        shell.say_json(report)
    elif report["faults"]:
        for fault in report["faults"]:
            shell.note(f"{file}: {fault['text']}")
        more = " and more" if report["moreFaults"] else ""
        shell.note(f"budget-manager: {len(report['faults'])} faults{more}: nothing was taken")
    else:
        heads = ("KIND", "NEW", "SAME", "LEFT")
        columns = (report["new"], report["same"], report["left"])
        rows = [(name, *(str(c[name]) for c in columns)) for name in report["new"]]
        shell.table(heads, rows)
        for line in report["told"]:
            shell.note(line)
        if dry_run:
            shell.note("budget-manager: a dry run: nothing was taken")
    if report["faults"]:
        raise typer.Exit(shell.FAILED)


def _show(head: str, counts: dict[str, int]) -> None:
    shell.table(("KIND", head), [(name, str(count)) for name, count in counts.items()])


async def _export(world: Platform, email: str, to: Path, *, secrets: bool) -> dict[str, int]:
    from commands.account_export import AccountExport
    from generated.models import UserRecord

    user = await world.stores["auth"].find(UserRecord, email=email.lower())
    if user is None:
        raise shell.Refused(f"no account has the address {email}")
    await settle(world)
    retrying = len(await world.inspection.retrying(1000)) + len(await world.bus.dead_letters())
    if retrying:
        shell.note(f"{retrying} events retry or were given up: what they bring may be missing")
    export = AccountExport(world.stores, user, secrets=secrets)
    now = world.clock.now()
    if str(to) == "-":
        async for line in export.lines(now):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return export.counts
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            async for line in export.lines(now):
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)
    return export.counts


async def _import(world: Platform, path: Path, keep_role: bool, *, dry_run: bool) -> dict[str, Any]:
    from commands.account_file import AccountFile
    from commands.account_import import INTERRUPTED, AccountImport, leftovers

    with _opened(path) as file:
        source = AccountFile(file)
        work = AccountImport(world, source, keep_role=keep_role)
        taken = await work.check()
        outcome = work.outcome
        if taken:
            # Else what deletes an earlier account of this id would delete what is taken now.
            await settle(world, _DELETIONS)
            if await leftovers(world, source.account_id):
                raise shell.Refused("the account was deleted here, and its data is not gone yet")
            try:
                await (work.plan() if dry_run else work.write())
            except (*INTERRUPTED, ValueError) as error:
                raise shell.Refused(
                    f"it was changed by somebody else meanwhile: run it again ({error})"
                ) from None
    if taken and not dry_run:
        await world.drained()
        if outcome.reindex:
            if world.ready:
                await world.search.rebuild()
            else:
                outcome.told.append("the account was deleted here before: budget-manager reindex")
    return {
        "account": {"id": source.account_id, "email": source.email},
        "dryRun": dry_run,
        "new": outcome.new,
        "same": outcome.same,
        "left": outcome.left,
        "told": outcome.told,
        "faults": [
            {"line": f.line, "pointer": f.pointer, "message": f.message, "text": str(f)}
            for f in sorted(source.faults, key=lambda fault: fault.line)
        ],
        "moreFaults": source.more,
    }


def _opened(path: Path) -> IO[bytes]:
    """The file; stdin as a file, since it is read twice."""
    if str(path) != "-":
        return path.open("rb")
    import shutil
    import tempfile

    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 # the caller closes it
    shutil.copyfileobj(sys.stdin.buffer, file)
    return file


async def settle(world: Platform, types: set[str] | None = None) -> None:
    """Waits until what was committed until now has had its effect, or what is of `types`.

    Beside a server more keeps coming; that is not waited for. Refuses what retries or was given up.
    """
    import asyncio

    from runtime.scalar import rfc3339

    began = rfc3339(world.clock.now())
    until = time.monotonic() + _SETTLE
    while True:
        left = [
            f"{each.count} {each.type}"
            for each in await world.inspection.waiting()
            if each.oldest < began and (types is None or each.type in types)
        ]
        left += [
            f"{each.type} for {each.consumer}: {each.reason}"
            for each in await world.inspection.retrying(1000)
            if types is not None and each.type in types
        ]
        if not left:
            return
        if time.monotonic() >= until:
            raise shell.Refused("events are on their way still:\n" + "\n".join(left))
        await asyncio.sleep(0.1)
