"""Mail by SMTP (RFC 5321); the port is `Mailer`.

`smtp://user:password@host:587` takes STARTTLS where the server offers it, `smtps://` is TLS from
the first byte. A password is sent over TLS only, or within the machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from runtime.adapters.mail_message import mail_message
from runtime.ids import TypeIds
from runtime.ports import Clock, Mail, MailRefused
from runtime.problem import Problem, Unavailable
from runtime.settings import SettingsError

log = logging.getLogger("runtime.mail")

# Seconds for one mail, from the connection to the server's word.
PATIENCE = 20.0
# A start waits so long for the server.
OPEN_WITHIN = 10.0
# Connections at once: a server counts them too.
_AT_ONCE = 4
_SHAPE = "SMTP_URL: must be smtp://host:port or smtps://host:port"
# For so many seconds /health/ready believes what it saw.
_BELIEVED = 10.0
# What an address is made of, as far as the command it stands in is concerned (RFC 5321, 4.1.2).
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\]{1,255}")
# A mailbox that is not there or may not be written to, an address that is none (RFC 5321, 4.2.3).
_REFUSED = frozenset((501, 550, 551, 552, 553, 554))


class InsecureServer(SMTPException):
    """The server takes the password in the clear only."""


@dataclass(frozen=True, slots=True)
class _Server:
    """What SMTP_URL says."""

    host: str
    port: int
    tls: bool
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @classmethod
    def of(cls, url: str) -> _Server:
        """Raises SettingsError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise SettingsError([_SHAPE]) from None
        if not host:
            raise SettingsError([_SHAPE])
        tls = parts.scheme == "smtps"
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        return cls(host, port or (465 if tls else 587 if user else 25), tls, user, password)

    @property
    def near(self) -> bool:
        """Whether it is on this machine."""
        with suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


class SmtpMailer:
    """Hands each mail to the server at `url`, over a connection of its own. Also a `Health`."""

    name = "smtp"

    def __init__(self, url: str, sender: str, clock: Clock, *, patience: float = PATIENCE) -> None:
        """Raises SettingsError for a URL that is none."""
        self._server = _Server.of(url)
        self._sender = sender
        self._clock = clock
        self._patience = patience
        self._ids = TypeIds()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._seen: tuple[float, Problem | None] | None = None

    @classmethod
    async def open(
        cls, url: str, sender: str, clock: Clock, *, within: float = OPEN_WITHIN
    ) -> SmtpMailer:
        """The mailer, once the server let it in. Raises SettingsError, without what `url` holds."""
        mailer = cls(url, sender, clock)
        try:
            async with asyncio.timeout(within), mailer._connected():
                pass
        except aiosmtplib.SMTPAuthenticationError:
            fault = "refuses the user or the password"
        except InsecureServer:
            fault = "offers no TLS, without which no password is sent"
        except TimeoutError:
            fault = f"does not answer within {within:g} s"
        except (OSError, SMTPException):
            fault = "cannot be reached, or does not speak SMTP"
        else:
            return mailer
        raise SettingsError([f"SMTP_URL: the server {fault}"])

    async def send(self, mail: Mail) -> None:
        """Returns when the server has accepted it: then it sees to the rest.

        Raises Unavailable where another attempt may help, MailRefused (a ValueError) where the
        server will never take a mail to that address, ValueError for one that is none.
        """
        if not _ADDRESS.fullmatch(mail.to):
            raise MailRefused("The address is none, or holds a newline.")
        message = mail_message(mail, self._sender, self._clock, self._ids.new("mail"))
        try:
            async with self._turns, asyncio.timeout(self._patience), self._connected() as client:
                await client.send_message(message, sender=self._sender, recipients=[mail.to])
        except aiosmtplib.SMTPRecipientsRefused as refused:
            [first, *_] = refused.recipients
            raise _judged(first) from None
        except aiosmtplib.SMTPNotSupported:
            raise MailRefused("The server takes no address with such letters.") from None
        except (OSError, SMTPException) as error:  # TimeoutError is an OSError
            log.warning("a mail could not be handed over: %s", _said(error))
            raise Unavailable("The mail server does not take the mail now.") from None

    async def check(self) -> Problem | None:
        """None when the server lets us in; it is asked every ten seconds at most."""
        now = time.monotonic()
        if self._seen is not None and now - self._seen[0] < _BELIEVED:
            return self._seen[1]
        problem: Problem | None = None
        try:
            async with asyncio.timeout(2.0), self._connected():
                pass
        except (OSError, SMTPException):
            problem = Unavailable("The mail server does not answer: mails wait.")
        self._seen = (now, problem)
        return problem

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[SMTP]:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            # Asking DNS for this machine's name may take longer than the mail.
            local_hostname=self._sender.rpartition("@")[2],
            use_tls=server.tls,
            start_tls=None,  # where it is offered; not within TLS
            timeout=self._patience,
        )
        await client.connect()
        try:
            if server.user is not None:
                hidden = client.get_transport_info("ssl_object") is not None
                if not (hidden or server.near):
                    raise InsecureServer("no TLS")
                await client.login(server.user, server.password or "")
            yield client
            # It is accepted already: a server that says no goodbye changes nothing.
            with suppress(OSError, SMTPException):
                await client.quit()
        finally:
            client.close()


def _judged(refused: SMTPResponseException) -> Exception:
    """What the server's word on a recipient means."""
    if refused.code in _REFUSED:
        return MailRefused(f"The mail server refuses the address for good ({refused.code}).")
    log.warning("a mail could not be handed over: %s", _said(refused))
    return Unavailable("The mail server does not take the mail now.")


def _said(error: Exception) -> str:
    """For the log, on one line: a server's text may hold anything."""
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message!r}"
    return type(error).__name__
