"""A mail as RFC 5322 has it: the same in a folder and on its way to a server."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime

from runtime.ports import Clock, Mail


def mail_message(mail: Mail, sender: str, clock: Clock, id: str) -> EmailMessage:
    """`mail` from `sender`. Raises ValueError for an address or a subject that breaks the line."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{id}@budget-manager>"
    message.set_content(mail.text if mail.link is None else f"{mail.text}\n\n{mail.link}\n")
    return message
