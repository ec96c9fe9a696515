"""Events that wait, and events that were given up, as an operator meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import app
from generated.events import TaskFinished
from generated.models import TaskKind, TaskStatus
from runtime.adapters.sqlite.outbox import Outbox
from runtime.ports import Envelope
from runtime.scalar import rfc3339
from runtime.settings import Settings
from tests.cli.calls import answered, beside
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

EVENT = "evt_01m86y4ejffs8v51jf1ke9wdbx"


def poison() -> Envelope:
    """An event that no consumer can read."""
    return Envelope(
        id=EVENT,
        type="expense.created.v1",
        channel="expenseEvents",
        key="bud_x",
        subject="exp_x",
        version=1,
        time="2026-01-01T00:00:00.000Z",
        data=b"{ not JSON",
    )


async def poisoned(world: World) -> None:
    """The poison was delivered, and given up."""
    await world.platform.bus.publish([poison()])
    assert await world.platform.drained()


async def given_up(world: World, owner: Account) -> None:
    """A good event that notifyTask gave up, as it does while its store is gone."""
    event = TaskFinished(
        task_id="tsk_01m86y4ejffs8v51jf1ke9wdbx",
        owner_id=owner.id,
        kind=TaskKind.MONTHLY_REPORT,
        status=TaskStatus.SUCCEEDED,
        error=None,
    )
    now = rfc3339(world.platform.clock.now())
    await Outbox(world.platform.database).park(
        "notifyTask", event.envelope(EVENT, now), 8, None, "Unavailable: for a test", now
    )


async def test_what_was_given_up_is_listed_with_its_reason_beside_a_server(world: World) -> None:
    await poisoned(world)
    letters = answered(await beside("dead-letters", "list", "--json", data=world.folder))
    # Every consumer of the channel has its own.
    assert {letter["consumer"] for letter in letters} == {
        "countExpenses",
        "indexExpenses",
        "purgeLateExpenses",
    }
    assert {letter["eventId"] for letter in letters} == {EVENT}
    assert all(letter["reason"].startswith("cannot be read") for letter in letters)
    one = ("dead-letters", "list", "--consumer", "indexExpenses")
    shown = await beside(*one, data=world.folder)
    assert EVENT in shown.stdout
    assert "countExpenses" not in shown.stdout
    unknown = await beside("dead-letters", "list", "--consumer", "nobody", data=world.folder)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "indexExpenses" in unknown.stderr


async def test_a_letter_is_shown_whole_even_if_its_data_is_no_json(world: World) -> None:
    await poisoned(world)
    words = ("dead-letters", "show", "countExpenses", EVENT)
    letter = answered(await beside(*words, "--json", data=world.folder))
    assert (letter["data"], letter["attempts"], letter["key"]) == ("{ not JSON", 1, "bud_x")
    shown = await beside(*words, data=world.folder)
    assert "{ not JSON" in shown.stdout
    absent = await beside("dead-letters", "show", "countExpenses", "evt_0", data=world.folder)
    assert absent.returncode == 1
    assert "evt_0" in absent.stderr


async def test_poison_that_is_replayed_is_given_up_again_and_the_exit_code_says_so(
    world: World,
) -> None:
    await poisoned(world)
    done = await beside(
        "dead-letters", "replay", "countExpenses", EVENT, "--json", data=world.folder
    )
    assert done.returncode == 1
    (outcome,) = json.loads(done.stdout)
    assert outcome["outcome"] == "given up again"
    assert outcome["reason"].startswith("cannot be read")


@pytest.mark.parametrize("served", [True, False], ids=["beside a server", "alone"])
async def test_what_is_replayed_has_its_effect_once(world: World, served: bool) -> None:
    ann = await world.account()
    await given_up(world, ann)
    if not served:
        await world.close()
    words = ("dead-letters", "replay", "--all", "--consumer", "notifyTask", "--json")
    unasked = await beside(*words, data=world.folder)
    assert unasked.returncode == 1
    assert "--yes" in unasked.stderr
    (outcome,) = answered(await beside(*words, "--yes", data=world.folder))
    assert outcome["outcome"] == "applied"
    assert answered(await beside(*words, "--yes", data=world.folder)) == []
    if not served:
        await world.open()
        ann = await world.sign_in(ann.email)
    notes = (await world.send(ann, "GET", "/notifications")).json()["items"]
    assert [note["title"] for note in notes] == ["Task monthlyReport succeeded"]


async def test_replay_takes_one_or_all_and_nothing_else(tmp_path: Path) -> None:
    for words in ((), ("countExpenses",), ("--all", "countExpenses", "evt_0")):
        done = await beside("dead-letters", "replay", *words, data=tmp_path)
        assert done.returncode == 2, words


async def test_the_outbox_tells_what_waits_and_looking_delivers_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=b"a secret that only the tests know")
    platform = await app.build(settings)
    # Not started, so nothing is delivered.
    await platform.bus.publish([poison()])
    await platform.stop()
    for _ in range(2):
        found = answered(await beside("outbox", "--json", data=tmp_path))
        assert (found["waiting"], found["dead"], found["retrying"]) == (1, 0, [])
        (event,) = found["events"]
        assert (event["channel"], event["type"]) == ("expenseEvents", "expense.created.v1")
        assert found["age"] > 86_400
    late = await beside("outbox", "--max-age", "3600", data=tmp_path)
    assert late.returncode == 1
    assert "expense.created.v1" in late.stdout
    assert (await beside("outbox", "--max-age", "1e9", data=tmp_path)).returncode == 0


async def test_the_outbox_points_to_what_was_given_up(world: World) -> None:
    await poisoned(world)
    shown = await beside("outbox", data=world.folder)
    assert shown.returncode == 0
    assert "no events wait" in shown.stdout
    assert "3 given up: budget-manager dead-letters list" in shown.stdout


async def test_a_folder_without_data_is_refused_and_not_made(tmp_path: Path) -> None:
    for words in (("outbox",), ("dead-letters", "list"), ("reindex",)):
        done = await beside(*words, data=tmp_path / "wrong")
        assert (done.returncode, done.stdout) == (1, ""), words
        assert "no data" in done.stderr
    assert not (tmp_path / "wrong").exists()
