"""Whatever is in a file, reading it ends with its faults, and never with a traceback."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest

from commands.account_file import MOST_FAULTS, AccountFile
from tests.cli.account_files import exported, furnished
from tests.rest.world import World

JUNK = (
    b'{"kind":',
    b"null",
    b"[]",
    b"[" * 100_000,
    b'{"kind":"expense","value":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"kind":"expense","value":{"amount":NaN}}',
    b'{"kind":"expense","value":{"amount":1e999,"version":' + b"9" * 5000 + b"}}",
    b'{"kind":"user","value":{"email":"\\ud800"}}',
    b'{"kind":["expense"],"value":{}}',
    b'{"kind":"task","value":null}',
    b'{"kind":"end"}',
    b'{"kind":"end","counts":[],"sha256":7}',
    b"\x00" * 64,
    b"\xef\xbb\xbf{}",
    b'{"format":"budget-manager-account","version":1,"account":{"id":1}}',
)


def faults(data: bytes) -> AccountFile:
    """The file, checked."""
    source = AccountFile(io.BytesIO(data))
    for _ in source.check():
        pass
    return source


@pytest.mark.anyio
async def test_every_change_of_a_file_is_found(world: World, tmp_path: Path) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    await exported(world, ann, path)
    whole = path.read_bytes()  # a test's own file
    assert faults(whole).faults == []
    lines = whole.splitlines(keepends=True)
    chance = random.Random(11)
    for _ in range(300):
        at = chance.randrange(len(whole) - 1)
        changed = bytes([whole[at] ^ (1 << chance.randrange(8))])
        spoilt = whole[:at] + changed + whole[at + 1 :]
        assert faults(spoilt).faults, (at, changed)
        place = chance.randrange(len(lines))
        dropped = b"".join(lines[:place] + lines[place + 1 :])
        assert faults(dropped).faults, place
        assert faults(whole[:at]).faults, at


@pytest.mark.parametrize("place", ["first", "amid"])
@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_is_a_fault_with_its_line(junk: bytes, place: str) -> None:
    account = {"id": "usr_" + 26 * "0", "email": "ann@example.com"}
    header = {"format": "budget-manager-account", "version": 1, "account": account}
    lines = [json.dumps(header).encode(), b'{"kind":"user","value":{}}']
    lines.insert(0 if place == "first" else 1, junk)
    found = faults(b"\n".join(lines)).faults
    assert any(fault.line == (1 if place == "first" else 2) for fault in found), found


def test_no_more_faults_are_told_than_somebody_reads() -> None:
    account = {"id": "usr_" + 26 * "0", "email": "ann@example.com"}
    header = {"format": "budget-manager-account", "version": 1, "account": account}
    source = faults(json.dumps(header).encode() + b"\n{}" * 1000)
    assert (len(source.faults), source.more) == (MOST_FAULTS, True)


def test_a_line_without_an_end_takes_no_more_memory_than_a_line_may() -> None:
    account = {"id": "usr_" + 26 * "0", "email": "ann@example.com"}
    header = {"format": "budget-manager-account", "version": 1, "account": account}
    source = faults(json.dumps(header).encode() + b"\n" + b'"' + b"x" * 20_000_000)
    assert any("has more than" in fault.message for fault in source.faults)
