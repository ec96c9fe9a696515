"""`dead-letters`: events that a consumer refused for good, and their second chance."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import shell

if TYPE_CHECKING:
    from app import Platform
    from runtime.ports import DeadLetter

app = shell.group("Events that were given up.")

Consumer = Annotated[str | None, typer.Option("--consumer", help="Only this consumer's.")]
# How often it is looked whether a replayed one is through.
_LOOK = 0.1


@app.command("list", epilog="Example: budget-manager dead-letters list --consumer countExpenses")
def list_letters(
    consumer: Consumer = None, data: shell.Data = None, as_json: shell.Json = False
) -> None:
    """List what was given up, the oldest first, with the last reason."""
    from app import visit

    settings = shell.existing(shell.settings_of(data))
    letters = shell.run(visit(settings, lambda world: _of(world, consumer)))
    if as_json:
        shell.say_json([_head(letter) for letter in letters])
        return
    if not letters:
        shell.say("no dead letters")
        return
    shell.table(
        ("CONSUMER", "EVENT", "TYPE", "ATTEMPTS", "GIVEN UP", "REASON"),
        [
            (
                letter.consumer,
                letter.envelope.id,
                letter.envelope.type,
                str(letter.attempts),
                letter.at,
                letter.reason,
            )
            for letter in letters
        ],
    )


@app.command("show")
def show(
    consumer: Annotated[str, typer.Argument(metavar="CONSUMER", help="As `list` names it.")],
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The event's id.")],
    data: shell.Data = None,
    as_json: shell.Json = False,
) -> None:
    """Show one with its envelope and data: these may hold what is private to its user."""
    from app import visit

    settings = shell.existing(shell.settings_of(data))
    letters = shell.run(visit(settings, lambda world: _of(world, consumer)))
    letter = next((each for each in letters if each.envelope.id == event_id), None)
    if letter is None:
        shell.fail(f"{consumer} has no dead letter {event_id}")
    envelope = letter.envelope
    whole = _head(letter) | {
        "subject": envelope.subject,
        "version": envelope.version,
        "traceparent": envelope.traceparent,
        "data": _data(envelope.data),
    }
    if as_json:
        shell.say_json(whole)
        return
    body = whole.pop("data")
    width = max(map(len, whole))
    for name, value in whole.items():
        shell.say(f"{name.ljust(width)}  {value}")
    shell.say("data")
    shell.say(json.dumps(body, indent=2, ensure_ascii=False))


@app.command("replay", epilog="Example: budget-manager dead-letters replay --all --yes")
def replay(
    consumer: Annotated[
        str | None, typer.Argument(metavar="CONSUMER", help="As `list` names it.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Argument(metavar="EVENT_ID", help="The event's id.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    only: Consumer = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the outcome.")
    ] = 10.0,
    yes: shell.Yes = False,
    data: shell.Data = None,
    as_json: shell.Json = False,
) -> None:
    """Deliver one again, or all, and say what came of it. Exits 1 unless all were applied.

    What is applied already is not applied twice.
    """
    from app import administer

    one = consumer is not None and event_id is not None
    if every == one or (every and (consumer or event_id)) or (only and not every):
        raise typer.BadParameter("name CONSUMER and EVENT_ID, or --all (with --consumer, if any)")
    if every:
        shell.confirm(f"All dead letters{f' of {only}' if only else ''} are delivered again.", yes)
    wanted = None if every else (str(consumer), str(event_id))
    settings = shell.existing(shell.settings_of(data))
    outcomes = shell.run(administer(settings, lambda world: _replay(world, only, wanted, wait)))
    if wanted is not None and not outcomes:
        shell.fail(f"{wanted[0]} has no dead letter {wanted[1]}")
    if as_json:
        shell.say_json(outcomes)
    else:
        for each in outcomes:
            why = f": {each['reason']}" if each["reason"] else ""
            shell.say(f"{each['consumer']} {each['eventId']} {each['outcome']}{why}")
        if not outcomes:
            shell.say("no dead letters")
    if any(each["outcome"] != "applied" for each in outcomes):
        raise typer.Exit(shell.FAILED)


async def _of(world: Platform, consumer: str | None) -> list[DeadLetter]:
    """The dead letters of one consumer or all. Refuses a consumer that there is not."""
    known = sorted({each.name for each in world.consumers})
    letters = await world.bus.dead_letters()
    # A consumer of an earlier version may have left some.
    if consumer is not None and consumer not in {*known, *(each.consumer for each in letters)}:
        raise shell.Refused(f"no consumer is called {consumer}: choose {', '.join(known)}")
    return [each for each in letters if consumer in (None, each.consumer)]


async def _replay(
    world: Platform, only: str | None, wanted: tuple[str, str] | None, wait: float
) -> list[dict[str, Any]]:
    """Has them delivered, by us or by the server beside us, and waits for what comes of it."""
    import asyncio

    letters = await _of(world, only if wanted is None else wanted[0])
    chosen = {
        (each.consumer, each.envelope.id)
        for each in letters
        if wanted is None or (each.consumer, each.envelope.id) == wanted
    }
    replayed = [key for key in sorted(chosen) if await world.bus.replay(*key)]
    until = time.monotonic() + wait
    while True:
        left = await _left(world)
        under_way = [key for key in replayed if left.get(key, ("", ""))[0] == "retrying"]
        if not under_way or time.monotonic() >= until:
            break
        await asyncio.sleep(_LOOK)
    found = []
    for consumer, event_id in replayed:
        outcome, reason = left.get((consumer, event_id), ("applied", ""))
        found.append(
            {"consumer": consumer, "eventId": event_id, "outcome": outcome, "reason": reason}
        )
    return found


async def _left(world: Platform) -> dict[tuple[str, str], tuple[str, str]]:
    """What is not through: retrying, or given up again; with the last reason."""
    left = {
        (each.consumer, each.event_id): ("retrying", each.reason)
        for each in await world.inspection.retrying(100_000)
    }
    left |= {
        (each.consumer, each.envelope.id): ("given up again", each.reason)
        for each in await world.bus.dead_letters()
    }
    return left


def _head(letter: DeadLetter) -> dict[str, Any]:
    envelope = letter.envelope
    return {
        "consumer": letter.consumer,
        "eventId": envelope.id,
        "type": envelope.type,
        "channel": envelope.channel,
        "key": envelope.key,
        "time": envelope.time,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "givenUpAt": letter.at,
    }


def _data(data: bytes) -> Any:
    """The event's data; what is no JSON as text: that may be why it is here."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
