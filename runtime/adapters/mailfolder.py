"""Mail without a server: a folder of `.eml` files, and the link in the log."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from runtime.adapters.mail_message import mail_message
from runtime.ids import TypeIds
from runtime.ports import Clock, Mail

log = logging.getLogger("runtime.mail")


class MailFolder:
    """Writes each mail as a file whose name sorts by time; the port is `Mailer`.

    The link also goes to the log, secret as it is: without a mail server a developer gets it there.
    """

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock
        self._ids = TypeIds()

    async def send(self, mail: Mail) -> None:
        """Returns when the file is on the disk. Raises ValueError for an address that is none."""
        id = self._ids.new("mail")
        message = mail_message(mail, self._sender, self._clock, id)
        await asyncio.to_thread(self._write, f"{id}.eml", message.as_bytes())
        if mail.link is None:
            log.info("mail to %s: %s", mail.to, mail.subject)
        else:
            log.info("mail to %s: %s: %s", mail.to, mail.subject, mail.link)

    def _write(self, name: str, content: bytes) -> None:
        """Whole or not at all: under another name first, and renamed when it is on the disk."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._folder / f".{name}.partial"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
