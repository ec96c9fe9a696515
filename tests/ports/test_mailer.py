"""The promises of the port Mailer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from runtime.adapters.clock import TurnableClock
from runtime.adapters.mailfolder import MailFolder
from runtime.adapters.smtp import SmtpMailer
from runtime.ports import Mail, Mailer
from tests.ports.mail_servers import Inbox, serving

pytestmark = pytest.mark.anyio

LINK = "http://localhost:3000/reset?token=" + "a" * 80


@dataclass
class Post:
    """A mailer, and what it has handed over."""

    mailer: Mailer
    received: Callable[[], list[bytes]]


@pytest.fixture
def mailer(tmp_path: Path) -> MailFolder:
    return MailFolder(tmp_path / "mail", "budget-manager@localhost", TurnableClock())


@pytest.fixture(params=["folder", "smtp"])
async def post(
    request: pytest.FixtureRequest, mailer: MailFolder, tmp_path: Path
) -> AsyncIterator[Post]:
    if request.param == "folder":
        folder = tmp_path / "mail"
        yield Post(mailer, lambda: [file.read_bytes() for file in sorted(folder.glob("*.eml"))])
        return
    inbox = Inbox()
    async with serving(inbox) as port:
        url = f"smtp://127.0.0.1:{port}"
        smtp = await SmtpMailer.open(url, "budget-manager@localhost", TurnableClock())
        yield Post(smtp, lambda: inbox.mails)


async def test_a_mail_arrives_as_it_was_sent(post: Post) -> None:
    await post.mailer.send(Mail("ann@example.com", "Ünïcödé ☂", "Dear Ann,\n\nöpen this:", LINK))
    [content] = post.received()
    message = message_from_bytes(content, policy=policy.default)
    assert message["To"] == "ann@example.com"
    assert message["From"] == "budget-manager@localhost"
    assert message["Subject"] == "Ünïcödé ☂"
    assert message["Date"] == "Sun, 22 Nov 2026 09:30:00 +0000"
    assert message["Message-ID"]
    text = message.get_content().replace("\r\n", "\n")
    assert text == f"Dear Ann,\n\nöpen this:\n\n{LINK}\n"


async def test_mails_sent_at_once_all_arrive(post: Post) -> None:
    await asyncio.gather(
        *[post.mailer.send(Mail(f"u{number}@example.com", "Hi", "Hello.")) for number in range(20)]
    )
    found = [message_from_bytes(each, policy=policy.default) for each in post.received()]
    assert {each["To"] for each in found} == {f"u{number}@example.com" for number in range(20)}
    assert len({each["Message-ID"] for each in found}) == 20


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
async def test_no_header_is_smuggled_in(post: Post, mail: Mail) -> None:
    with pytest.raises(ValueError, match=r"newline|linefeed|carriage"):
        await post.mailer.send(mail)
    assert post.received() == []
