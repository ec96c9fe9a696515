"""`move`: all that a platform keeps into another one, between a data folder and real servers."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import shell
from commands.landing import Ends, begin, finish, keepers, landing, need_free, unfinished

if TYPE_CHECKING:
    from app import Platform
    from runtime.inspection import KeyRecords
    from runtime.ports import Store
    from runtime.settings import Settings


def move(
    source: Annotated[
        str,
        typer.Option("--from", metavar="DIR|env", help="A data folder, or what the variables say."),
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="DIR|env", help="Where to, which must be empty.")
    ],
    drain: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long events may take to drain.")
    ] = 60.0,
    leave_dead_letters: Annotated[
        bool, typer.Option("--leave-dead-letters", help="Let what was given up stay behind.")
    ] = False,
    dry_run: shell.DryRun = False,
    yes: shell.Yes = False,
    as_json: shell.Json = False,
) -> None:
    """Move everything of all services between a data folder and real servers, either way.

    No server may run on either side. The source stays as it is. Killed halfway, run it again: it
    brings what is there to what the source holds, and proves it by counts and checksums.
    """
    ends = Ends.read(source, target)
    if not dry_run:
        shell.confirm(f"Everything of {ends.source} is copied to {ends.target}.", yes)
    report = shell.run(
        _look(ends) if dry_run else _move(ends, drain=drain, leave=leave_dead_letters)
    )
    if as_json:
        shell.say_json(report)
    else:
        _show(ends, report)
    if report.get("blocked"):
        raise typer.Exit(shell.FAILED)


def _show(ends: Ends, report: dict[str, Any]) -> None:
    kinds = report["kinds"] | {"idempotency keys": report["idempotencyKeys"]}
    shell.table(
        ("KIND", "ROWS", "CHECKSUM"),
        [(name, str(k["count"]), k["digest"][:16]) for name, k in kinds.items()],
    )
    if "blocked" not in report:
        shell.say(f"{report['count']} rows are in {ends.target}, as they are in {ends.source}")
        return
    shell.say(f"{report['count']} rows would go to {ends.target}")
    for each in report["blocked"]:
        shell.note(f"budget-manager: {each}")


@dataclass(frozen=True, slots=True)
class PlatformSide:
    """A wired platform as `moving.Side`."""

    name: str
    platform: Platform

    @property
    def stores(self) -> Mapping[str, Store]:
        return self.platform.stores

    @property
    def keys(self) -> KeyRecords:
        return self.platform.inspection


async def _look(ends: Ends) -> dict[str, Any]:
    """What `move` would find, beside whatever runs; `blocked` is what would stop it."""
    from app import visit
    from commands.moving import Moved, tallied
    from runtime.adapters.sqlite import CannotOpen
    from runtime.adapters.sqlite.checkup import served_by
    from runtime.settings import SettingsError

    blocked: list[str] = []

    async def look(world: Platform) -> Moved:
        waiting = sum(each.count for each in await world.inspection.waiting())
        dead = len(await world.bus.dead_letters())
        if dead:
            blocked.append(f"{dead} dead letters")
        if waiting:
            shell.note(f"{waiting} events are to be drained first")
        return await tallied(PlatformSide(ends.source, world), _oldest_key())

    found = await visit(ends.from_, look)
    for settings, name in ((ends.from_, ends.source), (ends.to, ends.target)):
        if (pid := served_by(settings.data_dir)) is not None:
            blocked.append(f"another process (pid {pid}) serves from {name}")
    try:
        await _unserved(ends)
        if not keepers(ends.to):
            need_free(ends)
        elif not unfinished(ends):
            await visit(ends.to, lambda world: _need_empty(world, ends.target))
    except (CannotOpen, SettingsError, shell.Refused) as refused:
        blocked.append(str(refused))
    return found.as_json() | {"blocked": blocked}


def _oldest_key() -> int:
    """Idempotency records count for a day; in ms."""
    return round((time.time() - 86_400) * 1000)


async def _move(ends: Ends, *, drain: float, leave: bool) -> dict[str, Any]:
    from commands.moving import Differs, Inhabited, move

    await _unserved(ends)
    with landing(ends) as (to, resume):
        async with _opened(ends.from_) as source, _opened(to) as target:
            await source.start()
            await _drain(source, ends.source, drain, leave=leave)
            if not resume:
                await _need_empty(target, ends.target)
            begin(ends)
            shown = _Shown()
            try:
                moved = await move(
                    PlatformSide(ends.source, source),
                    PlatformSide(ends.target, target),
                    since=_oldest_key(),
                    resume=resume,
                    progress=shown,
                )
            except Differs as differs:
                raise shell.Refused(
                    f"what is in {ends.target} is not what {ends.source} holds; run it again:\n"
                    f"{differs}"
                ) from None
            except Inhabited as strangers:
                raise shell.Refused(
                    f"{ends.target} was served since the last move: {strangers} there that "
                    f"{ends.source} does not have; empty it first, if they are of no use"
                ) from None
            indexed = await target.search.rebuild()
            if indexed != moved.tallies["expenses"].count:
                raise shell.Refused(f"the search index holds {indexed} expenses: run it again")
            report = moved.as_json() | {"indexed": indexed}
        finish(ends, to, report)
    return report


async def _unserved(ends: Ends) -> None:
    """Refuses where a server answers; over a data folder its lock tells that."""
    import asyncio

    for settings, name in ((ends.from_, ends.source), (ends.to, ends.target)):
        if keepers(settings) and settings.port:
            try:
                async with asyncio.timeout(2):
                    _, writer = await asyncio.open_connection(settings.host, settings.port)
            except (OSError, TimeoutError):
                continue
            writer.close()
            raise shell.Refused(
                f"something serves at {settings.host}:{settings.port}: "
                f"stop every server of {name} first"
            )


async def _drain(platform: Platform, name: str, within: float, *, leave: bool) -> None:
    """Waits until every event has had its effect: what is on its way cannot be moved."""
    import asyncio

    until = time.monotonic() + within
    await platform.bus.drained(within)
    while True:
        waiting = await platform.inspection.waiting()
        retrying = await platform.inspection.retrying(10)
        if not waiting and not retrying:
            break
        if time.monotonic() >= until:
            left = [f"{each.count} {each.type}" for each in waiting]
            left += [f"{each.event_id} for {each.consumer}: {each.reason}" for each in retrying]
            raise shell.Refused(f"events of {name} are on their way still:\n" + "\n".join(left))
        await asyncio.sleep(0.1)
    dead = await platform.bus.dead_letters()
    if dead and not leave:
        raise shell.Refused(
            f"{len(dead)} events of {name} were given up: replay them (budget-manager dead-letters)"
            ", or say --leave-dead-letters"
        )


async def _need_empty(platform: Platform, name: str) -> None:
    from commands.moving import taken

    held = await taken(PlatformSide(name, platform))
    if held:
        raise shell.Refused(f"{name} is not empty: it has {', '.join(held)}")
    if await platform.inspection.waiting() or await platform.inspection.retrying(1):
        raise shell.Refused(f"{name} is not empty: events wait there")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Platform]:
    """A platform that nobody else has open: InUse is what a running server raises."""
    from app import build
    from runtime.log import LogWriter, install

    log = LogWriter(os.fdopen(os.dup(2), "wb"))
    install(log, "error")
    try:
        platform = await build(settings, log=log)
        try:
            yield platform
        finally:
            await platform.stop()
    finally:
        log.close()


class _Shown:
    """Tells of progress now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1

    def __call__(self, name: str, count: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            shell.note(f"{name}: {count}")
