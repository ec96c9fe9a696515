"""The auth service: accounts, credentials, sessions, tickets and mailed tokens, as one."""

from __future__ import annotations

from collections.abc import Sequence

from generated.events import BudgetInvited, UserDeleted, UserInvited
from generated.models import MailedToken, SessionRecord, SocketTicket, UserRecord
from handlers.accounts import Accounts
from handlers.auth_mail import MailedTokens
from handlers.credentials import Credentials
from handlers.inbox import apply_once
from handlers.purging import purge
from handlers.sessions import Sessions
from handlers.tickets import SocketTickets
from runtime.gate import KnownTokens
from runtime.paging import Pager
from runtime.passwords import Passwords
from runtime.ports import (
    Batch,
    Change,
    Clock,
    Delivery,
    Emit,
    Fanout,
    Ids,
    Mailer,
    Store,
    Where,
)
from runtime.tokens import AccessTokens


class AuthHandlers:
    """Satisfies the generated `AuthService` and its consumers, and the gate's `Identities`."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        passwords: Passwords,
        tokens: AccessTokens,
        known: KnownTokens,
        fanout: Fanout,
        mailer: Mailer,
        secret: bytes,
        public_url: str,
    ) -> None:
        self._store = store
        sessions = Sessions(
            store=store,
            ids=ids,
            clock=clock,
            pager=pager,
            tokens=tokens,
            known=known,
            fanout=fanout,
            secret=secret,
        )
        self.refresh_tokens = sessions.refresh_tokens
        self.logout = sessions.logout
        self.list_sessions = sessions.list_sessions
        self.revoke_session = sessions.revoke_session
        self.level_on_session = sessions.level_on_session
        self.identify = sessions.identify
        self.check_session = sessions.check_session

        tickets = SocketTickets(store=store, ids=ids, clock=clock, sessions=sessions)
        self.create_socket_ticket = tickets.create_socket_ticket
        self.redeem = tickets.redeem
        self.redeem_socket_ticket = tickets.redeem_socket_ticket

        mailed = MailedTokens(
            store=store, clock=clock, mailer=mailer, secret=secret, public_url=public_url
        )
        self.forgot_password = mailed.forgot_password
        self.resend_verification = mailed.resend_verification
        self.send_mail = mailed.send_mail

        credentials = Credentials(
            store=store, clock=clock, passwords=passwords, sessions=sessions, mailed=mailed
        )
        self.login = credentials.login
        self.change_password = credentials.change_password
        self.reset_password = credentials.reset_password
        self.verify_email = credentials.verify_email

        accounts = Accounts(
            store=store,
            ids=ids,
            clock=clock,
            pager=pager,
            passwords=passwords,
            sessions=sessions,
        )
        self.register = accounts.register
        self.get_profile = accounts.get_profile
        self.update_profile = accounts.update_profile
        self.delete_account = accounts.delete_account
        self.list_users = accounts.list_users
        self.get_user = accounts.get_user
        self.set_user_role = accounts.set_user_role
        self.make_account = accounts.make_account
        self.set_role = accounts.set_role
        self.caller_of = accounts.caller_of
        self.caller_by_id = accounts.caller_by_id
        self.email_of = accounts.email_of
        self.describe_account = accounts.describe_account

    async def find_invited(self, batch: Batch[BudgetInvited]) -> None:
        """Tells the invited account, if the address has one that proved it."""

        async def decide(some: Sequence[Delivery[BudgetInvited]]) -> Sequence[Change]:
            changes: list[Change] = []
            for delivery in some:
                event = delivery.event
                user = await self._store.find(UserRecord, email=event.email.lower())
                if user is not None and user.email_verified:
                    told = UserInvited(
                        user_id=user.id,
                        invitation_id=event.invitation_id,
                        budget_id=event.budget_id,
                        budget_name=event.budget_name,
                        role=event.role,
                    )
                    changes.append(Emit(told))
            return changes

        await apply_once(self._store, batch, decide)

    async def purge_sessions(self, batch: Batch[UserDeleted]) -> None:
        """Deletes a deleted account's sessions, tokens and tickets."""
        for delivery in batch:
            owned = Where("user_id", "eq", delivery.event.before.id)
            for kind in (SessionRecord, MailedToken, SocketTicket):
                await purge(self._store, kind, owned)
