"""SMTP servers in this process, over real sockets, that keep what they are sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Inbox:
    """An SMTP server's handler: keeps mails, and answers what a test has it answer."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self.users: list[str] = []
        # What it says to a recipient, and to a mail; None: it takes it.
        self.to_recipient: Callable[[str], str | None] = lambda _: None
        self.to_mail: str | None = None
        self.connections = 0

    async def handle_RCPT(  # noqa: N802 # aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes or refuses a recipient."""
        refusal = self.to_recipient(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return refusal

    async def handle_DATA(  # noqa: N802 # aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Takes or refuses a mail."""
        if self.to_mail is not None:
            return self.to_mail
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(content)
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Lets `ann` in with her password."""
        assert isinstance(data, LoginPassword)
        good = (data.login, data.password) == (b"ann", b"p@ss word")
        if good:
            self.users.append(data.login.decode())
        return AuthResult(success=good, handled=False)


@asynccontextmanager
async def serving(
    inbox: Inbox, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serves `inbox`; the port."""
    loop = asyncio.get_running_loop()

    def made() -> SMTP:
        inbox.connections += 1
        return SMTP(
            inbox,
            loop=loop,
            hostname="mail.example.com",
            tls_context=starttls,
            authenticator=inbox.authenticate,
            auth_require_tls=False,
            enable_SMTPUTF8=True,
        )

    server = await loop.create_server(made, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
