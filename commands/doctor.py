"""`doctor` and `migrate`: is all as it must be, and the schemas brought to this version."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from commands import shell

if TYPE_CHECKING:
    from runtime.settings import Settings

_MARKS = {"ok": "ok", "warning": "warning", "wrong": "WRONG"}


def doctor(data: shell.Data = None, as_json: shell.Json = False) -> None:
    """Check the settings, the data folder, this machine and each configured server.

    Says what is wrong and what to do. Exits 1 if anything is wrong; warnings do not count.
    """
    import asyncio

    from commands.checks import examined

    environ = dict(os.environ)
    if data is not None:
        environ["DATA_DIR"] = str(data)
    findings = asyncio.run(examined(environ))
    wrong = sum(each.state == "wrong" for each in findings)
    if as_json:
        shell.say_json({"healthy": not wrong, "findings": [asdict(each) for each in findings]})
    else:
        for each in findings:
            shell.say(f"{_MARKS[each.state]:<8} {each.what}: {each.found}")
            if each.remedy:
                shell.say(f"         → {each.remedy}")
        shell.say(f"{wrong} wrong" if wrong else "all is well")
    if wrong:
        raise typer.Exit(shell.FAILED)


def migrate(
    dry_run: shell.DryRun = False, data: shell.Data = None, as_json: shell.Json = False
) -> None:
    """Bring the schemas of the data folder and of the configured servers to this version.

    Nothing is lost: what would lose data is refused. What is at this version already stays.
    """
    settings = shell.settings_of(data)
    done = shell.run(migrated(settings, dry_run=dry_run))
    if as_json:
        shell.say_json({"dryRun": dry_run, "changes": done})
        return
    for place, changes in done.items():
        for change in changes or ["is at this version"]:
            shell.say(f"{place}: {change}")


async def migrated(settings: Settings, *, dry_run: bool) -> dict[str, list[str]]:
    """What was changed, or would be, by place: the servers first, as they may refuse."""
    from runtime.diagnosis import CannotMigrate
    from runtime.settings import BACKENDS
    from upkeep import MIGRATIONS

    settings.require_adapters(BACKENDS)
    done: dict[str, list[str]] = {}
    for name in settings.configured_backends():
        migration = MIGRATIONS.get(name)
        if migration is None:
            continue  # what keeps no schema
        try:
            done[name] = list(await migration(str(getattr(settings, name.lower())), dry_run))
        except CannotMigrate as error:
            raise shell.Refused(f"{name}: {error}") from None
    done[str(settings.data_dir)] = await _folder(settings, dry_run=dry_run)
    return done


async def _folder(settings: Settings, *, dry_run: bool) -> list[str]:
    """Brings the data folder to this version; its opening does it, in one transaction."""
    import apsw

    from generated.storage import TABLES
    from runtime.adapters.sqlite import Database
    from runtime.adapters.sqlite.checkup import pending

    try:
        changes = pending(settings.data_dir, TABLES)
    except apsw.Error as error:
        raise shell.Refused(
            f"budget.db cannot be read ({type(error).__name__}): see budget-manager doctor"
        ) from None
    if changes and not dry_run:
        database: Any = await Database.open(settings.data_dir, TABLES)
        await database.close()
    return changes
