"""Accounts: made, shown, changed, given roles, deleted."""

from __future__ import annotations

from generated.errors import EmailTaken, LastAdmin
from generated.events import UserCreated, UserDeleted, UserUpdated
from generated.models import (
    AccountIdentity,
    Authentication,
    MailPurpose,
    ProfileInput,
    RegisterInput,
    Role,
    User,
    UserPage,
    UserRecord,
    UserRoleInput,
)
from handlers.auth_mail import request
from handlers.credentials import check_new
from handlers.sessions import Sessions, caller_for
from handlers.writing import Decided, decided, rewrite
from runtime.call import Call, Caller
from runtime.paging import Pager
from runtime.passwords import Passwords
from runtime.ports import (
    Change,
    Clock,
    Delete,
    Emit,
    Ids,
    Insert,
    Query,
    Store,
    Taken,
    Update,
    Where,
)
from runtime.problem import NotFound


class Accounts:
    """Operations on accounts, and what other services and the command line ask of them."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        passwords: Passwords,
        sessions: Sessions,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._passwords = passwords
        self._sessions = sessions

    # --- one's own --------------------------------------------------------------------------------

    async def register(self, call: Call, *, body: RegisterInput) -> Authentication:
        """Makes an account, has its address verified, and signs in. Raises EmailTaken."""
        email = body.email.lower()
        check_new(body.password, email, "/password")
        if await self._store.find(UserRecord, email=email) is not None:
            raise _taken()
        user = await self._new(email, body.name, body.password)
        session, authentication = self._sessions.begin(user, call.user_agent)
        try:
            await self._store.commit(
                Insert(user),
                Insert(session),
                Emit(UserCreated(after=user)),
                request(email, MailPurpose.VERIFY),
            )
        except Taken:
            raise _taken() from None
        return authentication

    async def get_profile(self, call: Call) -> User:
        """The caller's account."""
        return await self.get_user(call, id=call.caller.user_id)

    async def update_profile(self, call: Call, *, body: ProfileInput) -> User:
        """Changes what the caller's account says of itself."""

        async def change(user: UserRecord) -> Decided[User]:
            after = self._changed(user).but(name=body.name)
            event = UserUpdated(before=user, after=after)
            return decided(after, Update(after), Emit(event), call.remember(after))

        id = call.caller.user_id
        return await rewrite(self._store, UserRecord, id, change, if_version=call.if_version)

    async def delete_account(self, call: Call) -> None:
        """Deletes the caller's account; the event takes away what it leaves. Raises LastAdmin."""

        async def change(user: UserRecord) -> Decided[None]:
            guard = await self._without_admin(user)
            event = UserDeleted(before=user)
            return decided(None, Delete(user), *guard, Emit(event), call.remember(None))

        id = call.caller.user_id
        await rewrite(self._store, UserRecord, id, change, if_version=call.if_version)
        await self._sessions.changed(id)

    # --- others' ----------------------------------------------------------------------------------

    async def list_users(
        self,
        call: Call,
        *,
        email: str | None = None,
        page_size: int,
        page_token: str | None = None,
        role: Role | None = None,
        sort: str | None = None,
    ) -> UserPage:
        """All accounts."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={"email": email.lower() if email else None, "role": role},
        )
        page = await self._store.page(UserRecord, query)
        items: list[User] = [*page.items]
        return UserPage(items=items, next_page_token=self._pager.next(call, query, page))

    async def get_user(self, call: Call, *, id: str) -> User:
        """One account."""
        user = await self._store.get(UserRecord, id)
        if user is None:
            raise NotFound("There is no such User.")
        return user

    async def set_user_role(self, call: Call, *, id: str, body: UserRoleInput) -> User:
        """Gives an account a role, which holds at once. Raises LastAdmin."""

        async def change(user: UserRecord) -> Decided[User]:
            if user.role is body.role:
                return decided(user, call.remember(user))
            guard = await self._without_admin(user)
            after = self._changed(user).but(role=body.role)
            event = UserUpdated(before=user, after=after)
            return decided(after, Update(after), *guard, Emit(event), call.remember(after))

        user = await rewrite(self._store, UserRecord, id, change, if_version=call.if_version)
        await self._sessions.changed(id)
        return user

    # --- what the command line does ---------------------------------------------------------------

    async def make_account(self, email: str, name: str, password: str, role: Role) -> bool:
        """Makes a verified account with any password; False when the address has one."""
        if await self._store.find(UserRecord, email=email.lower()) is not None:
            return False
        made = await self._new(email.lower(), name, password)
        user = made.but(role=role, email_verified=True)
        try:
            await self._store.commit(Insert(user), Emit(UserCreated(after=user)))
        except Taken:
            return False
        return True

    async def set_role(self, email: str, role: Role) -> User | None:
        """Gives the account a role and counts its address as verified; None when there is none."""
        found = await self._store.find(UserRecord, email=email.lower())
        if found is None:
            return None

        async def change(user: UserRecord) -> Decided[User]:
            if user.role is role and user.email_verified:
                return decided(user)
            guard = await self._without_admin(user) if role is not Role.ADMIN else ()
            after = self._changed(user).but(role=role, email_verified=True)
            event = UserUpdated(before=user, after=after)
            return decided(after, Update(after), *guard, Emit(event))

        user = await rewrite(self._store, UserRecord, found.id, change)
        await self._sessions.changed(found.id)
        return user

    async def caller_of(self, email: str) -> Caller | None:
        """The account as a caller without a session."""
        user = await self._store.find(UserRecord, email=email.lower())
        return caller_for(user, "") if user is not None else None

    # --- what other services ask ------------------------------------------------------------------

    async def caller_by_id(self, user_id: str) -> Caller | None:
        """The account as it is now, as a caller without a session: who a task is run for."""
        user = await self._store.get(UserRecord, user_id)
        return caller_for(user, "") if user is not None else None

    async def email_of(self, user_id: str) -> str | None:
        """The account's address, once it is verified."""
        user = await self._store.get(UserRecord, user_id)
        return user.email if user is not None and user.email_verified else None

    async def describe_account(self, *, user_id: str) -> AccountIdentity:
        """Both, for another process. Raises NotFound when the account is gone."""
        user = await self._store.get(UserRecord, user_id)
        if user is None:
            raise NotFound("There is no such account.")
        return AccountIdentity(
            user_id=user.id, email=user.email, role=user.role, email_verified=user.email_verified
        )

    # ----------------------------------------------------------------------------------------------

    async def _new(self, email: str, name: str, password: str) -> UserRecord:
        made = await self._passwords.hash(password)
        now = self._clock.now()
        return UserRecord(
            id=self._ids.new("usr"),
            version=1,
            created_at=now,
            updated_at=now,
            email=email,
            name=name,
            role=Role.USER,
            email_verified=False,
            password_hash=made,
            password_changed_at=now,
        )

    def _changed(self, user: UserRecord) -> UserRecord:
        return user.but(version=user.version + 1, updated_at=self._clock.now())

    async def _without_admin(self, user: UserRecord) -> tuple[Change, ...]:
        """What must be committed beside the loss of `user` as an admin. Raises LastAdmin.

        Another admin's version is raised with it: two who take each other away at the same time
        meet there, and the second decides anew.
        """
        if user.role is not Role.ADMIN or not user.email_verified:
            return ()
        where = (Where("role", "eq", Role.ADMIN), Where("email_verified", "eq", True))
        page = await self._store.page(UserRecord, Query(where, limit=2))
        for other in page.items:
            if other.id != user.id:
                return (Update(other.but(version=other.version + 1)),)
        raise LastAdmin("Make somebody else an admin first.")


def _taken() -> EmailTaken:
    text = "This address has an account."
    return EmailTaken(text, pointer="/email", message=text)
