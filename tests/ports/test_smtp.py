"""What the SMTP mailer promises beyond the port: what servers say, and those that are gone."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runtime.adapters.clock import TurnableClock
from runtime.adapters.smtp import SmtpMailer
from runtime.ports import Mail, MailRefused
from runtime.problem import Unavailable
from runtime.settings import SettingsError
from tests.ports.mail_servers import Inbox, serving

pytestmark = pytest.mark.anyio

MAIL = Mail("ann@example.com", "Reset", "Open this:", "http://localhost:3000/reset?token=s3cret")


def mailer(port: int, patience: float = 5.0, scheme: str = "smtp", user: str = "") -> SmtpMailer:
    url = f"{scheme}://{user}127.0.0.1:{port}"
    return SmtpMailer(url, "budget@example.com", TurnableClock(), patience=patience)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def port(inbox: Inbox) -> AsyncIterator[int]:
    async with serving(inbox) as port:
        yield port


@pytest.fixture
def contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS; its certificate is one that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


async def test_the_server_gets_the_mail_for_that_recipient_alone(port: int, inbox: Inbox) -> None:
    await mailer(port).send(MAIL)
    assert inbox.recipients == ["ann@example.com"]
    message = message_from_bytes(inbox.mails[0], policy=policy.default)
    assert (message["From"], message["To"]) == ("budget@example.com", "ann@example.com")
    assert "token=s3cret" in message.get_content()


@pytest.mark.parametrize("word", ["450 4.2.1 busy", "451 4.3.0 later", "421 4.3.2 going down"])
async def test_what_may_go_well_later_is_unavailable(port: int, inbox: Inbox, word: str) -> None:
    inbox.to_recipient = lambda _: word
    with pytest.raises(Unavailable):
        await mailer(port).send(MAIL)
    inbox.to_recipient = lambda _: None
    inbox.to_mail = word
    with pytest.raises(Unavailable):
        await mailer(port).send(MAIL)
    inbox.to_mail = None
    await mailer(port).send(MAIL)
    assert len(inbox.mails) == 1


async def test_an_address_that_is_refused_for_good_blocks_no_other(port: int, inbox: Inbox) -> None:
    inbox.to_recipient = lambda to: "550 5.1.1 no ann@example.com here" if "ann" in to else None
    sender = mailer(port)
    outcomes = await asyncio.gather(
        *(sender.send(Mail(f"{who}@example.com", "Hi", "Hello.")) for who in ("ann", "bob", "eve")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [MailRefused, type(None), type(None)]
    assert "ann" not in str(outcomes[0])
    assert sorted(inbox.recipients) == ["bob@example.com", "eve@example.com"]


async def test_a_server_that_will_not_have_our_mail_at_all_is_tried_again(
    port: int, inbox: Inbox
) -> None:
    inbox.to_mail = "554 5.7.1 this sender is on a list"
    with pytest.raises(Unavailable):
        await mailer(port).send(MAIL)


@pytest.mark.parametrize(
    "to",
    [
        "ann@example.com\nBcc: eve@example.com",
        "ann@example.com>\r\nRCPT TO:<eve@example.com",
        "ann@example.com, eve@example.com",
        "ann@example.com> SIZE=1",
        "<ann@example.com>",
        "ann",
        "",
        "@",
        "a" * 65 + "@example.com",
    ],
)
async def test_no_address_is_more_than_one_address(port: int, inbox: Inbox, to: str) -> None:
    with pytest.raises(MailRefused):
        await mailer(port).send(Mail(to, "Hi", "Hello."))
    assert inbox.mails == []


async def test_lines_of_a_text_are_never_commands(port: int, inbox: Inbox) -> None:
    text = "one\r\n.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\n..two\n.\nend"
    await mailer(port).send(Mail("ann@example.com", "Hi", text))
    assert inbox.recipients == ["ann@example.com"]
    assert b"\r\n.\r\nMAIL FROM" in inbox.mails[0]


async def test_a_user_is_let_in_and_a_wrong_password_stops_the_start(
    port: int, inbox: Inbox
) -> None:
    clock = TurnableClock()
    url = f"smtp://ann:p%40ss%20word@127.0.0.1:{port}"
    opened = await SmtpMailer.open(url, "budget@example.com", clock)
    await opened.send(MAIL)
    assert inbox.users == ["ann", "ann"]
    with pytest.raises(SettingsError, match="SMTP_URL: the server refuses the user") as refused:
        await SmtpMailer.open(url.replace("p%40ss", "Wr0ng"), "budget@example.com", clock)
    assert "Wr0ng" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_mail_and_password_go_over_tls_where_it_is_there(
    inbox: Inbox, contexts: ssl.SSLContext, scheme: str
) -> None:
    tls = {"starttls": contexts} if scheme == "smtp" else {"tls": contexts}
    async with serving(inbox, **tls) as port:
        await mailer(port, scheme=scheme, user="ann:p%40ss%20word@").send(MAIL)
    assert inbox.users == ["ann"]
    assert len(inbox.mails) == 1


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(
    inbox: Inbox, contexts: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with serving(inbox, starttls=contexts) as port:
        with pytest.raises(Unavailable):
            await mailer(port).send(MAIL)
    assert inbox.mails == []


async def test_a_server_that_is_not_there_or_says_nothing_is_unavailable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(Unavailable):
            await mailer(port, patience=0.2).send(MAIL)
        assert await mailer(port, patience=0.2).check() is not None
        url = f"smtp://ann:s3cret@127.0.0.1:{port}"
        with pytest.raises(SettingsError, match=r"SMTP_URL: the server does not answer"):
            await SmtpMailer.open(url, "b@example.com", TurnableClock(), within=0.2)
    with pytest.raises(Unavailable):
        await mailer(port).send(MAIL)
    with pytest.raises(SettingsError, match=r"SMTP_URL: the server cannot be reached"):
        await SmtpMailer.open(f"smtp://127.0.0.1:{port}", "b@example.com", TurnableClock())
    with pytest.raises(SettingsError, match="SMTP_URL"):
        SmtpMailer("smtp://host:port", "b@example.com", TurnableClock())


async def test_health_asks_the_server_now_and_then(port: int, inbox: Inbox) -> None:
    sender = mailer(port)
    assert await sender.check() is None
    assert await sender.check() is None
    assert inbox.connections == 1
