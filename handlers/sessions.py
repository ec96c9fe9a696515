"""Sign-ins: sessions, their tokens, and who is behind them."""

from __future__ import annotations

import base64
import hmac
import logging
from datetime import timedelta

from generated.errors import RefreshTokenInvalid
from generated.models import (
    Authentication,
    RefreshInput,
    Session,
    SessionPage,
    SessionRecord,
    SessionState,
    UserRecord,
)
from handlers.callers import caller_as
from handlers.live import tell_identity
from handlers.writing import Decided, decided, persist, rewrite
from runtime.call import Call, Caller
from runtime.gate import KnownTokens
from runtime.paging import Pager
from runtime.ports import Clock, Delete, Fanout, Ids, Insert, Query, Store, Update, Where
from runtime.problem import NotFound, Unauthenticated
from runtime.tokens import (
    LIFETIME,
    AccessTokens,
    derive_key,
    hash_secret,
    new_secret,
    same_secret,
)

log = logging.getLogger("budget.auth")

# A session that is not refreshed for so long has expired; none lives longer than LONGEST in all.
IDLE = timedelta(days=30)
LONGEST = timedelta(days=180)
# Dead rows that one sign-in sweeps up: more than it adds.
_SWEPT = 20


class Sessions:
    """Opens, renews and ends sessions, and tells who is behind a token.

    A session stands while it is neither revoked nor expired and its account has the password that
    it had when it signed in. So a new password ends all sessions in the commit that sets it, one
    that is just being opened with the old one included.
    """

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        tokens: AccessTokens,
        known: KnownTokens,
        fanout: Fanout,
        secret: bytes,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._tokens = tokens
        self._known = known
        self._fanout = fanout
        self._key = derive_key(secret, "refresh token")

    # --- opening and renewing ---------------------------------------------------------------------

    def begin(self, user: UserRecord, user_agent: str) -> tuple[SessionRecord, Authentication]:
        """A new session, to be committed, and what its client gets."""
        now = self._clock.now()
        id = self._ids.new("ses")
        refresh = self._refresh_token(id)
        session = SessionRecord(
            id=id,
            version=1,
            created_at=now,
            updated_at=now,
            user_id=user.id,
            user_agent="".join(filter(str.isprintable, user_agent))[:300],
            last_seen_at=now,
            expires_at=now + IDLE,
            revoked_at=None,
            refresh_hash=hash_secret(refresh),
            refresh_generation=0,
            password_changed_at=user.password_changed_at,
        )
        return session, self._authentication(user, id, refresh)

    async def open(self, user: UserRecord, user_agent: str) -> Authentication:
        """Signs `user` in."""
        session, authentication = self.begin(user, user_agent)

        async def attempt() -> Decided[Authentication]:
            oldest = (("created_at", False),)
            mine = Query((Where("user_id", "eq", user.id),), sort=oldest, limit=_SWEPT)
            page = await self._store.page(SessionRecord, mine)
            dead = [Delete(old) for old in page.items if not self._stands(old, user)]
            return decided(authentication, Insert(session), *dead)

        return await persist(self._store, attempt)

    async def refresh_tokens(self, call: Call, *, body: RefreshInput) -> Authentication:
        """New tokens for a refresh token, which is good once: used again, it ends the session."""
        id = self._session_of(body.refresh_token)
        digest = hash_secret(body.refresh_token)

        async def change(session: SessionRecord) -> Decided[Authentication | None]:
            user = await self._user_behind(session)
            if user is None:
                raise _refused()
            now = self._clock.now()
            after = session.but(version=session.version + 1, updated_at=now)
            if not same_secret(session.refresh_hash or "", digest):
                # We made this token and took it already: it was stolen, or its thief came first.
                return decided(None, Update(after.but(revoked_at=now)))
            refresh = self._refresh_token(id)
            after = after.but(
                refresh_hash=hash_secret(refresh),
                refresh_generation=(session.refresh_generation or 0) + 1,
                last_seen_at=now,
                expires_at=min(now + IDLE, session.created_at + LONGEST),
            )
            return decided(self._authentication(user, id, refresh), Update(after))

        try:
            authentication = await rewrite(self._store, SessionRecord, id, change)
        except NotFound:
            raise _refused() from None
        if authentication is None:
            session = await self._store.get(SessionRecord, id)
            if session is not None:
                log.warning("a used refresh token came again; ended %s", id)
                await self.changed(session.user_id, id)
            raise _refused()
        return authentication

    def _authentication(self, user: UserRecord, id: str, refresh: str) -> Authentication:
        return Authentication(
            user=user,
            access_token=self._tokens.issue(user.id, id),
            refresh_token=refresh,
            token_type="Bearer",  # noqa: S106 # a scheme, no secret
            expires_in=int(LIFETIME.total_seconds()),
        )

    def _refresh_token(self, id: str) -> str:
        """Names its session, and bears our mark: nobody can end a session by a made-up token."""
        text = f"{id}.{new_secret()}"
        return f"{text}.{self._mark(text)}"

    def _session_of(self, refresh_token: str) -> str:
        text, _, mark = refresh_token.rpartition(".")
        if not same_secret(mark, self._mark(text)):
            raise _refused()
        return text.partition(".")[0]

    def _mark(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()

    # --- ending -----------------------------------------------------------------------------------

    async def logout(self, call: Call) -> None:
        """Ends the caller's session."""
        try:
            await self._revoke(call.caller.session_id, None)
        except NotFound:
            self._known.forget(call.caller.user_id, call.caller.session_id)

    async def revoke_session(self, call: Call, *, id: str) -> None:
        """Ends one session."""
        await self._revoke(id, call.if_version)

    async def _revoke(self, id: str, if_version: int | None) -> None:
        async def change(session: SessionRecord) -> Decided[SessionRecord]:
            if session.revoked_at is not None:
                return decided(session)
            now = self._clock.now()
            after = session.but(version=session.version + 1, updated_at=now, revoked_at=now)
            return decided(after, Update(after))

        session = await rewrite(self._store, SessionRecord, id, change, if_version=if_version)
        await self.changed(session.user_id, id)

    async def changed(self, user_id: str, session_id: str | None = None) -> None:
        """Has every process ask anew who is behind the session, or all of the user's."""
        self._known.forget(user_id, session_id)
        await tell_identity(self._fanout, user_id, session_id)

    # --- seeing -----------------------------------------------------------------------------------

    async def list_sessions(
        self, call: Call, *, page_size: int, page_token: str | None = None, sort: str | None = None
    ) -> SessionPage:
        """The caller's sessions that stand."""
        user = await self._store.get(UserRecord, call.caller.user_id)
        if user is None:
            raise _ended()
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            where=(
                Where("user_id", "eq", user.id),
                Where("password_changed_at", "eq", user.password_changed_at),
                Where("revoked_at", "eq", None),
                Where("expires_at", "gt", self._clock.now()),
            ),
        )
        page = await self._store.page(SessionRecord, query)
        items: list[Session] = [*page.items]
        return SessionPage(items=items, next_page_token=self._pager.next(call, query, page))

    async def level_on_session(self, caller: Caller, id: str) -> str | None:
        """`owner` of one's own, while it stands; admins are of any."""
        session = await self._store.get(SessionRecord, id)
        if session is None or await self._user_behind(session) is None:
            return None
        return "owner" if session.user_id == caller.user_id or caller.is_admin else None

    # --- who is it --------------------------------------------------------------------------------

    async def identify(self, token: str) -> tuple[Caller, float]:
        """The caller behind an access token, and for how many seconds. Raises Unauthenticated."""
        claims = self._tokens.verify(token)
        session, user = await self.standing(claims.session_id)
        if user.id != claims.user_id:
            raise _ended()
        until = min(claims.expires_at, session.expires_at)
        return caller_for(user, session.id), (until - self._clock.now()).total_seconds()

    async def check_session(self, *, session_id: str) -> SessionState:
        """Who is behind a session. Raises NotFound when it does not stand."""
        try:
            session, user = await self.standing(session_id)
        except Unauthenticated:
            raise NotFound("The session has ended.") from None
        return SessionState(
            session_id=session.id,
            user_id=user.id,
            role=user.role,
            email_verified=user.email_verified,
            expires_at=session.expires_at,
        )

    async def standing(self, session_id: str) -> tuple[SessionRecord, UserRecord]:
        """A session that stands, and its account. Raises Unauthenticated."""
        session = await self._store.get(SessionRecord, session_id)
        user = await self._user_behind(session) if session is not None else None
        if session is None or user is None:
            raise _ended()
        return session, user

    async def _user_behind(self, session: SessionRecord) -> UserRecord | None:
        """The account, if the session stands."""
        user = await self._store.get(UserRecord, session.user_id)
        return user if user is not None and self._stands(session, user) else None

    def _stands(self, session: SessionRecord, user: UserRecord) -> bool:
        return (
            session.revoked_at is None
            and session.expires_at > self._clock.now()
            and session.password_changed_at == user.password_changed_at
        )


def caller_for(user: UserRecord, session_id: str) -> Caller:
    """`user` as a caller."""
    return caller_as(user.id, session_id, user.role, user.email_verified)


def _ended() -> Unauthenticated:
    return Unauthenticated("The session has ended.")


def _refused() -> RefreshTokenInvalid:
    return RefreshTokenInvalid("The refresh token is unknown, expired or used.")
