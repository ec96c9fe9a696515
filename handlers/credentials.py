"""Passwords and what proves an account without one: signing in, changing, resetting, verifying."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from generated.errors import CredentialsInvalid, PasswordCommon, PasswordTooLong, PasswordWrong
from generated.events import UserUpdated
from generated.models import (
    Authentication,
    ChangePasswordInput,
    LoginInput,
    MailedTokenInput,
    MailPurpose,
    ResetPasswordInput,
    UserRecord,
)
from handlers.auth_mail import MailedTokens
from handlers.sessions import Sessions
from handlers.writing import Decided, decided, persist, rewrite
from runtime.call import Call
from runtime.passwords import Passwords, check_policy
from runtime.ports import Change, Clock, Emit, Insert, Store, Update
from runtime.problem import InputError, InvalidInput, Unauthenticated


class Credentials:
    """Operations on what an account proves itself by."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        sessions: Sessions,
        mailed: MailedTokens,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._sessions = sessions
        self._mailed = mailed

    async def login(self, call: Call, *, body: LoginInput) -> Authentication:
        """Signs in. A refusal costs one hash and no commit, whether or not there is an account."""
        user = await self._store.find(UserRecord, email=body.email.lower())
        right = await self._passwords.verify(body.password, user.password_hash if user else None)
        if user is None or not right:
            raise CredentialsInvalid("The address or the password is wrong.")
        return await self._sessions.open(user, call.user_agent)

    async def change_password(self, call: Call, *, body: ChangePasswordInput) -> Authentication:
        """Sets a new password, which ends all sessions, and signs in anew."""
        id = call.caller.user_id
        user = await self._store.get(UserRecord, id)
        if user is None:
            raise Unauthenticated("The account is gone.")
        proved = user.password_hash
        if not await self._passwords.verify(body.current_password, proved):
            raise _wrong()
        check_new(body.new_password, user.email, "/newPassword")
        made = await self._passwords.hash(body.new_password)

        async def change(user: UserRecord) -> Decided[Authentication]:
            if user.password_hash != proved:
                raise _wrong()
            after = self._with_password(user, made)
            session, authentication = self._sessions.begin(after, call.user_agent)
            return decided(authentication, Update(after), Insert(session))

        authentication = await rewrite(self._store, UserRecord, id, change)
        await self._sessions.changed(id)
        return authentication

    async def reset_password(self, call: Call, *, body: ResetPasswordInput) -> None:
        """Sets a new password by a mailed token, which ends all sessions."""
        _, user = await self._mailed.spend(body.token, MailPurpose.RESET)
        check_new(body.password, user.email, "/password")
        made = await self._passwords.hash(body.password)

        async def attempt() -> Decided[str]:
            used, user = await self._mailed.spend(body.token, MailPurpose.RESET)
            return decided(user.id, used, Update(self._with_password(user, made)))

        await self._sessions.changed(await persist(self._store, attempt))

    async def verify_email(self, call: Call, *, body: MailedTokenInput) -> None:
        """Takes the mailed token as the proof that the address is the account's."""

        async def attempt() -> Decided[str]:
            used, user = await self._mailed.spend(body.token, MailPurpose.VERIFY)
            return decided(user.id, used, *_verified(user, self._clock.now()))

        await self._sessions.changed(await persist(self._store, attempt))

    def _with_password(self, user: UserRecord, made: str) -> UserRecord:
        now = self._clock.now()
        changed = now
        if user.password_changed_at is not None:
            # Sessions know their password by this moment, so no two passwords may share one.
            changed = max(now, user.password_changed_at + timedelta(milliseconds=1))
        return user.but(
            password_hash=made,
            password_changed_at=changed,
            version=user.version + 1,
            updated_at=now,
        )


def check_new(password: str, email: str, pointer: str) -> None:
    """Raises PasswordCommon, PasswordTooLong or InvalidInput, with all that is wrong."""
    faults = check_policy(password, email, pointer)
    if not faults:
        return
    codes = {fault.code for fault in faults}
    errors = _listed(faults)
    if "password-too-short" in codes:
        raise InvalidInput("The password is too short.", errors=errors)
    if "password-too-long" in codes:
        raise PasswordTooLong("The password is longer than 72 bytes in UTF-8.", errors=errors)
    raise PasswordCommon("This password is one of the first that are tried.", errors=errors)


def _listed(faults: Sequence[InputError]) -> list[InputError]:
    """By the contract's codes: too short is the schema's, one's own address as common as others."""
    codes = {"password-too-short": "minLength", "password-is-email": "password-common"}
    return [InputError(f.pointer, codes.get(f.code, f.code), f.message) for f in faults]


def _verified(user: UserRecord, now: datetime) -> list[Change]:
    if user.email_verified:
        return []
    after = user.but(email_verified=True, version=user.version + 1, updated_at=now)
    return [Update(after), Emit(UserUpdated(before=user, after=after))]


def _wrong() -> PasswordWrong:
    text = "The current password is wrong."
    return PasswordWrong(text, pointer="/currentPassword", message=text)
