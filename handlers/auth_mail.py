"""Mails that prove an address: what they carry, and what comes back of it."""

from __future__ import annotations

import base64
import hmac
from contextlib import suppress
from datetime import timedelta

from generated.errors import MailedTokenInvalid
from generated.events import UserMailRequested
from generated.models import EmailInput, MailedToken, MailPurpose, UserRecord
from handlers.writing import Decided, decided, persist
from runtime.call import Call
from runtime.ports import (
    Batch,
    Clock,
    Delete,
    Delivery,
    Emit,
    Insert,
    Mail,
    Mailer,
    MailRefused,
    Query,
    Store,
    Update,
    Where,
)
from runtime.tokens import derive_key, hash_secret

GOOD_FOR = {MailPurpose.RESET: timedelta(minutes=10), MailPurpose.VERIFY: timedelta(hours=24)}
# Old ones that a new one sweeps up.
_SWEPT = 20


class MailedTokens:
    """Asks for mails, sends them, and takes back the tokens in them.

    Whoever asks gets the same answer at the same cost, one commit, whether or not the address has
    an account: only the consumer finds that out. The token is derived from the event's id, so that
    an event that is delivered twice makes one token, and no event or log holds one.
    """

    def __init__(
        self, *, store: Store, clock: Clock, mailer: Mailer, secret: bytes, public_url: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._mailer = mailer
        self._key = derive_key(secret, "mailed token")
        self._public_url = public_url

    async def forgot_password(self, call: Call, *, body: EmailInput) -> None:
        """Has a token mailed that resets the password."""
        await self._store.commit(request(body.email, MailPurpose.RESET))

    async def resend_verification(self, call: Call, *, body: EmailInput) -> None:
        """Has the verification mailed again."""
        await self._store.commit(request(body.email, MailPurpose.VERIFY))

    async def send_mail(self, batch: Batch[UserMailRequested]) -> None:
        """Keeps the token's hash, and sends the mail if the address has an account it fits."""
        for delivery in batch:
            await self._send(delivery)

    async def _send(self, delivery: Delivery[UserMailRequested]) -> None:
        event = delivery.event
        user = await self._store.find(UserRecord, email=event.email)
        if user is None or (event.purpose is MailPurpose.VERIFY and user.email_verified):
            await self._store.commit(delivery.seen)
            return
        text = self._token(delivery.seen.event_id)
        token = await self._store.find(MailedToken, token_hash=hash_secret(text))
        if token is None:
            token = await self._keep(delivery.seen.event_id, text, user, event.purpose)
        # Its second version is the one that was mailed.
        if token.version == 1:
            # An account's owner may have given any address: one that is none is done with.
            with suppress(MailRefused):
                await self._mailer.send(self._mail(user, event.purpose, text))
            now = self._clock.now()
            token = token.but(version=2, updated_at=now)
            await self._store.commit(Update(token), delivery.seen)

    async def _keep(
        self, event_id: str, text: str, user: UserRecord, purpose: MailPurpose
    ) -> MailedToken:
        now = self._clock.now()
        token = MailedToken(
            id="mtk_" + event_id.partition("_")[2],
            version=1,
            created_at=now,
            updated_at=now,
            user_id=user.id,
            purpose=purpose,
            token_hash=hash_secret(text),
            expires_at=now + GOOD_FOR[purpose],
            used_at=None,
        )
        old = Query((Where("user_id", "eq", user.id), Where("expires_at", "lt", now)), limit=_SWEPT)

        async def attempt() -> Decided[MailedToken]:
            page = await self._store.page(MailedToken, old)
            return decided(token, Insert(token), *map(Delete, page.items))

        return await persist(self._store, attempt)

    async def spend(self, text: str, purpose: MailPurpose) -> tuple[Update, UserRecord]:
        """What uses a token up, to be committed with its effect, and whose it is.

        Raises MailedTokenInvalid. A token to reset a password ends with the password it was for.
        """
        token = await self._store.find(MailedToken, token_hash=hash_secret(text))
        now = self._clock.now()
        if (
            token is None
            or token.purpose is not purpose
            or token.used_at is not None
            or token.expires_at <= now
        ):
            raise _invalid()
        user = await self._store.get(UserRecord, token.user_id)
        if user is None:
            raise _invalid()
        changed = user.password_changed_at
        if purpose is MailPurpose.RESET and changed is not None and token.created_at < changed:
            raise _invalid()
        used = token.but(used_at=now, version=token.version + 1, updated_at=now)
        return Update(used), user

    def _token(self, event_id: str) -> str:
        digest = hmac.digest(self._key, event_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _mail(self, user: UserRecord, purpose: MailPurpose, token: str) -> Mail:
        if purpose is MailPurpose.VERIFY:
            link = f"{self._public_url}/verify-email?token={token}"
            subject, what = "Verify your e-mail address", "Open this link within 24 hours"
        else:
            link = f"{self._public_url}/reset-password?token={token}"
            subject, what = "Reset your password", "Open this link within 10 minutes"
        # Nothing that whoever registered the address has written: it may be another's.
        text = (
            f"Hello,\n\n{what} to {subject[0].lower()}{subject[1:]}:\n{link}\n\n"
            f"Or enter this token: {token}\n\nIf you did not ask for it, do nothing.\n"
        )
        return Mail(user.email, subject, text, link)


def request(email: str, purpose: MailPurpose) -> Emit:
    """The event that has a mail sent to `email`."""
    return Emit(UserMailRequested(email=email.lower(), purpose=purpose))


def _invalid() -> MailedTokenInvalid:
    return MailedTokenInvalid("The token is unknown, expired or used.")
