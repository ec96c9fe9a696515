"""What the stores on SQL servers promise beyond the port: values, reads, plans, the sweep."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from runtime.adapters.sql.engine import engine
from runtime.ports import Insert, Query, Remember, Seen, Taken, Where
from tests.ports.sample import START, Pot, Tally, pot, tally
from tests.ports.sql_platforms import Server

pytestmark = pytest.mark.anyio

# Anything that a driver might take for the end of a literal, a comment, a place or another one.
HOSTILE = (
    "'; DROP TABLE pots; --",
    "\\'; DROP TABLE pots; -- ",
    "\\",
    "it''s \\\\' \"quoted\" `so`",
    "$1 $2 %s %(a)s ? :a {0}",
    "/* */ -- # \n\r\t\x1a",
    "Duplicate entry 'x' for key 'PRIMARY'",
    "ÿ\u00a0\u200b\U0001f4b8 ' \u2019",
    "a ",
    "A",
    "ä",
)


# --- values ---------------------------------------------------------------------------------------


async def test_no_value_is_syntax(server: Server) -> None:
    store = server.store
    pots = [pot(name=value, members=[value], owner_id="usr_ann") for value in HOSTILE]
    for entity in pots:
        await store.commit(
            Insert(entity),
            Seen("counter", entity.name),
            Remember("usr_ann", entity.name, "openPot", entity.name.encode(), None),
        )
    for entity in pots:
        value = entity.name
        assert await store.find(Pot, owner_id="usr_ann", name=value) == entity
        for where in (
            Where("name", "eq", value),
            Where("name", "in", (value, "none")),
            Where("visible_to", "has", value),
        ):
            assert (await store.page(Pot, Query((where,)))).items == [entity]
        assert await store.seen("counter", [value, "none"]) == {value}
        assert await store.recall("usr_ann", value) is not None
        with pytest.raises(Taken):
            await store.commit(Insert(pot(name=value, owner_id="usr_ann")))
    assert len((await store.page(Pot, Query())).items) == len(HOSTILE)


async def test_text_sorts_by_code_points(server: Server) -> None:
    values = ["a", "B", "a ", "ä", "Z", "é", "\U0001f4b8", "\uffee", "_", "a\tb", "10", "9"]
    await server.store.commit(*[Insert(pot(name=value)) for value in values])
    page = await server.store.page(Pot, Query(sort=(("name", False),)))
    assert [item.name for item in page.items] == sorted(values)


async def test_a_value_of_another_type_is_a_value_error(server: Server) -> None:
    with pytest.raises(ValueError, match="no field"):
        await server.store.find(Pot, colour="red")
    await server.store.commit(Insert(tally("usr_ann")))
    wrong = tally("usr_bob").but(count="x" * 10)
    with pytest.raises(ValueError, match="column"):
        await server.store.commit(Insert(wrong))
    assert await server.store.get(Tally, "usr_bob") is None


async def test_a_nul_is_in_no_text(server: Server) -> None:
    await server.store.commit(Insert(tally("usr_ann")))
    for id in ("usr_ann\0", "\0", "usr\0_ann"):
        assert await server.store.get(Tally, id) is None
        assert await server.store.get_many(Tally, [id]) == {}
        assert await server.store.find(Pot, owner_id=id, name="one") is None
        assert (await server.store.page(Pot, Query((Where("owner_id", "eq", id),)))).items == []


async def test_an_impossible_id_spoils_nobody_elses_answer(server: Server) -> None:
    store = server.store
    await store.commit(Insert(tally("usr_ann")), Insert(tally("usr_ämil")), Seen("c", "evt_1"))
    ann = tally("usr_ann")
    ids = ("usr_ann", "usr_ann\0", "\ud800", "usr_ämil", "usr_ann")
    found = await asyncio.gather(*[store.get(Tally, id) for id in ids], return_exceptions=True)
    assert [found[0], found[1], found[3], found[4]] == [ann, None, tally("usr_ämil"), ann]
    assert isinstance(found[2], ValueError)
    assert await store.get_many(Tally, ["usr_ann", "\0"]) == {"usr_ann": ann}
    assert await store.seen("c", ["evt_1", "evt\0"]) == {"evt_1"}
    for values in (("usr_ann", "\0"), ("usr_ann", "\0", "x")):
        page = await store.page(Tally, Query((Where("id", "in", values),), (("id", False),)))
        assert page.items == [ann]


# --- reads ----------------------------------------------------------------------------------------


async def test_gets_of_one_tick_are_one_statement(server: Server) -> None:
    store = server.store
    pots = [pot() for _ in range(50)]
    await store.commit(*[Insert(entity) for entity in pots])
    sent: list[str] = []
    read = server.sql.read

    async def counted(sql: str, row: Any = ()) -> Any:
        sent.append(sql)
        return await read(sql, row)

    server.sql.read = counted  # type: ignore[method-assign] # to count what is sent
    ids = [entity.id for entity in pots]
    found = await asyncio.gather(*[store.get(Pot, id) for id in [*ids, ids[0], "pot_none"]])
    assert found == [*pots, pots[0], None]
    assert len(sent) == 1


async def test_who_is_cancelled_takes_no_answer_from_the_others(server: Server) -> None:
    store = server.store
    entity = pot()
    await store.commit(Insert(entity))
    gone, stays = (asyncio.ensure_future(store.get(Pot, entity.id)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == entity


async def test_a_page_reads_an_index_however_many_rows_there_are(server: Server) -> None:
    made = engine(server.url)
    async with made.begin() as connection:
        await connection.execute(text(server.many_pots))
        await connection.execute(text(server.analyse))
    await made.dispose()
    pages = server.store._pages[Pot]
    owned = (Where("owner_id", "eq", "usr_7"),)
    after = (START + timedelta(days=40), "pot_000100007")
    for query in (
        Query(owned, limit=20),
        Query(owned, limit=20, after=after),
        Query(owned, (("created_at", False),), limit=20, after=after),
        Query((Where("owner_id", "in", ("usr_7", "usr_8")),), limit=20, after=after),
    ):
        (statement,) = pages.statements(query)
        plan, read = await server.explain(statement.sql, statement.row)
        assert "pots:owner_id:created_at" in plan, plan
        assert read < 300, plan
        assert len((await server.store.page(Pot, query)).items) == 20


# --- the sweep ------------------------------------------------------------------------------------


async def test_what_is_past_its_time_is_swept_by_one_process_at_a_time(server: Server) -> None:
    store, clock = server.store, server.clock
    for number in range(3):
        record = Remember("usr_ann", f"k{number}", "openPot", b"f", None)
        await store.commit(record, Seen("counter", f"evt_{number}"))
    other = await server.database()
    clock.turn(timedelta(hours=25))
    assert await server.sql.sweep() == 3
    await store.commit(Seen("counter", "evt_new"))
    clock.turn(timedelta(days=6, hours=23, minutes=59))
    # Another process has the turn.
    assert await other.sweep() == 0
    assert await server.sql.sweep() == 3
    assert await store.seen("counter", ["evt_0", "evt_new"]) == {"evt_new"}
    await other.close()
