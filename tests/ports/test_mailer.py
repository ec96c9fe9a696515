"""The promises of the port Mailer."""

from __future__ import annotations

import asyncio
import logging
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from runtime.adapters.clock import TurnableClock
from runtime.adapters.mailfolder import MailFolder
from runtime.ports import Mail

pytestmark = pytest.mark.anyio

LINK = "http://localhost:3000/reset?token=" + "a" * 80


@pytest.fixture
def mailer(tmp_path: Path) -> MailFolder:
    return MailFolder(tmp_path / "mail", "budget-manager@localhost", TurnableClock())


async def test_a_mail_arrives_as_it_was_sent(mailer: MailFolder, tmp_path: Path) -> None:
    await mailer.send(Mail("ann@example.com", "Ünïcödé ☂", "Dear Ann,\n\nöpen this:", LINK))
    [file] = (tmp_path / "mail").iterdir()
    assert file.suffix == ".eml"
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["To"] == "ann@example.com"
    assert message["From"] == "budget-manager@localhost"
    assert message["Subject"] == "Ünïcödé ☂"
    assert message["Date"] == "Sun, 22 Nov 2026 09:30:00 +0000"
    text = message.get_content()
    assert text == f"Dear Ann,\n\nöpen this:\n\n{LINK}\n"


async def test_the_link_is_in_the_log(mailer: MailFolder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "runtime.mail"):
        await mailer.send(Mail("ann@example.com", "Reset", "Open this:", LINK))
        await mailer.send(Mail("bob@example.com", "Welcome", "Hello."))
    assert LINK in caplog.text
    assert "bob@example.com" in caplog.text


async def test_each_mail_is_a_file_and_they_sort_by_time(
    mailer: MailFolder, tmp_path: Path
) -> None:
    await asyncio.gather(
        *[mailer.send(Mail(f"u{number}@example.com", "Hi", "Hello.")) for number in range(20)]
    )
    files = list((tmp_path / "mail").iterdir())
    assert len(files) == 20
    assert all(file.suffix == ".eml" for file in files)


@pytest.mark.parametrize(
    "mail",
    [
        Mail("ann@example.com\nBcc: eve@example.com", "Hi", "Hello."),
        Mail("ann@example.com", "Hi\r\nBcc: eve@example.com", "Hello."),
    ],
)
async def test_no_header_is_smuggled_in(mailer: MailFolder, tmp_path: Path, mail: Mail) -> None:
    with pytest.raises(ValueError, match=r"newline|linefeed|carriage"):
        await mailer.send(mail)
    assert not (tmp_path / "mail").exists()
