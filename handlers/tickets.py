"""Tickets that open one socket or event stream: a browser can send no header there."""

from __future__ import annotations

import secrets
from datetime import timedelta

from generated.models import SessionState, SocketTicket, SocketTicketGrant
from handlers.sessions import Sessions, caller_for
from handlers.writing import Decided, decided, persist
from runtime.call import Call, Caller
from runtime.ports import Clock, Delete, Ids, Insert, Query, Store, Update, Where
from runtime.problem import NotFound, Unauthenticated
from runtime.tokens import hash_secret

GOOD_FOR = timedelta(seconds=30)
# Old ones that a new one sweeps up.
_SWEPT = 20


class SocketTickets:
    """Makes tickets, and takes each once."""

    def __init__(self, *, store: Store, ids: Ids, clock: Clock, sessions: Sessions) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._sessions = sessions

    async def create_socket_ticket(self, call: Call) -> SocketTicketGrant:
        """A ticket that signs the caller in once, within 30 seconds."""
        now = self._clock.now()
        text = secrets.token_urlsafe(32)
        ticket = SocketTicket(
            id=self._ids.new("tkt"),
            version=1,
            created_at=now,
            updated_at=now,
            user_id=call.caller.user_id,
            session_id=call.caller.session_id,
            ticket_hash=hash_secret(text),
            expires_at=now + GOOD_FOR,
            used_at=None,
        )
        grant = SocketTicketGrant(ticket=text, expires_at=ticket.expires_at)
        old = Query(
            (Where("user_id", "eq", ticket.user_id), Where("expires_at", "lt", now)), limit=_SWEPT
        )

        async def attempt() -> Decided[SocketTicketGrant]:
            page = await self._store.page(SocketTicket, old)
            return decided(grant, Insert(ticket), *map(Delete, page.items))

        return await persist(self._store, attempt)

    async def redeem(self, ticket: str) -> Caller:
        """The caller that a ticket was made for; good once. Raises Unauthenticated."""
        session, user = await self._sessions.standing(await self._spend(ticket))
        return caller_for(user, session.id)

    async def redeem_socket_ticket(self, *, ticket: str) -> SessionState:
        """`redeem` for another process. Raises NotFound."""
        try:
            session_id = await self._spend(ticket)
        except Unauthenticated as refused:
            raise NotFound(refused.detail) from None
        return await self._sessions.check_session(session_id=session_id)

    async def _spend(self, ticket: str) -> str:
        """Uses a ticket up; the session that it was made in."""
        digest = hash_secret(ticket)

        async def attempt() -> Decided[str]:
            found = await self._store.find(SocketTicket, ticket_hash=digest)
            now = self._clock.now()
            if found is None or found.used_at is not None or found.expires_at <= now:
                raise Unauthenticated("The ticket is unknown, expired or used.")
            after = found.but(used_at=now, version=found.version + 1, updated_at=now)
            return decided(after.session_id, Update(after))

        return await persist(self._store, attempt)
