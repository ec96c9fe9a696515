"""`outbox`: what was committed and is not with all its consumers yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import shell

if TYPE_CHECKING:
    from app import Platform

# Retries that are listed one by one.
_MOST_LISTED = 1000


def outbox(
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", min=0, metavar="SECONDS", help="Exit 1 if one waits longer."),
    ] = None,
    data: shell.Data = None,
    as_json: shell.Json = False,
) -> None:
    """Show the events that wait, how long, what retries and what was given up."""
    from app import visit

    found = shell.run(visit(shell.existing(shell.settings_of(data)), survey))
    late = max_age is not None and found["age"] > max_age
    if as_json:
        shell.say_json(found | {"late": late})
    else:
        _show(found)
    if late:
        shell.note(f"budget-manager: the oldest event waits for more than {max_age:g} s")
        raise typer.Exit(shell.FAILED)


async def survey(world: Platform) -> dict[str, Any]:
    """What waits, retries and is dead, as JSON shows it; ages are seconds."""
    from runtime.scalar import instant

    now = world.clock.now().timestamp()

    def age(time: str) -> float:
        return round(max(0.0, now - instant(time).timestamp()), 3)

    waiting = await world.inspection.waiting()
    retrying = await world.inspection.retrying(_MOST_LISTED)
    dead = await world.bus.dead_letters()
    return {
        "waiting": sum(each.count for each in waiting),
        "age": max((age(each.oldest) for each in waiting), default=0.0),
        "events": [
            {
                "channel": each.channel,
                "type": each.type,
                "count": each.count,
                "age": age(each.oldest),
            }
            for each in waiting
        ],
        "retrying": [
            {
                "consumer": each.consumer,
                "eventId": each.event_id,
                "type": each.type,
                "attempts": each.attempts,
                "reason": each.reason,
                "due": each.due,
            }
            for each in retrying
        ],
        "dead": len(dead),
    }


def _show(found: dict[str, Any]) -> None:
    if found["events"]:
        heads = ("CHANNEL", "TYPE", "EVENTS", "OLDEST")
        shell.table(
            heads,
            [
                (e["channel"], e["type"], str(e["count"]), shell.seconds(e["age"]))
                for e in found["events"]
            ],
        )
    else:
        shell.say("no events wait")
    if found["retrying"]:
        shell.say("")
        shell.table(
            ("RETRIED BY", "EVENT", "TYPE", "ATTEMPTS", "DUE", "REASON"),
            [
                (
                    e["consumer"],
                    e["eventId"],
                    e["type"],
                    str(e["attempts"]),
                    e["due"],
                    e["reason"],
                )
                for e in found["retrying"]
            ],
        )
    if found["dead"]:
        shell.say(f"\n{found['dead']} given up: budget-manager dead-letters list")
