"""With whom a budget is shared: members, and the invitations by which they become it."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from generated.errors import AlreadyMember, MailedTokenInvalid, MembersFull, OwnerFixed
from generated.events import BudgetInvited
from generated.models import (
    AcceptInvitationInput,
    Budget,
    BudgetInvitation,
    BudgetMember,
    BudgetMemberInput,
    BudgetMemberList,
    BudgetRecord,
    InvitationInput,
)
from handlers.budget_access import need
from handlers.budget_figures import BudgetFigures
from handlers.writing import Decided, decided, persist, rewrite
from runtime.call import Call, Caller
from runtime.ports import (
    Batch,
    Clock,
    Emit,
    Ids,
    Insert,
    Mail,
    Mailer,
    MailRefused,
    Query,
    Store,
    Update,
    Where,
)
from runtime.problem import NotFound
from runtime.tokens import derive_key, hash_secret

MOST_MEMBERS = 50
GOOD_FOR = timedelta(days=7)


class Addresses(Protocol):
    """What the auth service knows of an account's address."""

    async def email_of(self, user_id: str) -> str | None:
        """The account's verified address in lower case; None where there is none."""
        ...


class BudgetMembers:
    """Operations on members and invitations."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        figures: BudgetFigures,
        addresses: Addresses,
        mailer: Mailer,
        secret: bytes,
        public_url: str,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._figures = figures
        self._addresses = addresses
        self._mailer = mailer
        self._key = derive_key(secret, "invitation")
        self._public_url = public_url

    # --- members ----------------------------------------------------------------------------------

    async def list_budget_members(self, call: Call, *, id: str) -> BudgetMemberList:
        """Everybody that the budget is shared with."""
        budget = await self._store.get(BudgetRecord, id)
        if budget is None:
            raise NotFound("There is no such Budget.")
        return BudgetMemberList(items=budget.members)

    async def set_budget_member(
        self, call: Call, *, id: str, user_id: str, body: BudgetMemberInput
    ) -> Budget:
        """Changes a member's role. Raises OwnerFixed; NotFound for somebody who is no member."""

        async def change(budget: BudgetRecord) -> Decided[Budget]:
            need(call.caller, budget, "owner")
            if _membership(budget, user_id).role is body.role:
                after, changes = await self._figures.refreshed(budget)
                return decided(after, *changes, call.remember(after))
            members = [
                member.but(role=body.role) if member.user_id == user_id else member
                for member in budget.members
            ]
            after, changes = await self._figures.changed(budget, budget.but(members=members))
            return decided(after, *changes, call.remember(after))

        return await self._figures.rewrite(id, change, if_version=call.if_version)

    async def remove_budget_member(self, call: Call, *, id: str, user_id: str) -> None:
        """Ends a membership: an owner anybody's, a member its own. Raises OwnerFixed, Forbidden."""

        async def change(budget: BudgetRecord) -> Decided[None]:
            need(call.caller, budget, "viewer" if user_id == call.caller.user_id else "owner")
            _membership(budget, user_id)
            _, changes = await self._figures.changed(budget, without(budget, user_id))
            return decided(None, *changes, call.remember(None))

        await self._figures.rewrite(id, change, if_version=call.if_version)

    # --- invitations ------------------------------------------------------------------------------

    async def invite_to_budget(self, call: Call, *, id: str, body: InvitationInput) -> None:
        """Keeps an invitation; who it is for is found, and mailed, after the answer."""
        budget = await self._store.get(BudgetRecord, id)
        if budget is None:
            raise NotFound("There is no such Budget.")
        now = self._clock.now()
        invitation = BudgetInvitation(
            id=self._ids.new("inv"),
            version=1,
            created_at=now,
            updated_at=now,
            budget_id=id,
            invited_by=call.caller.user_id,
            email=body.email.lower(),
            role=body.role,
            token_hash=None,
            expires_at=now + GOOD_FOR,
            used_at=None,
        )
        event = BudgetInvited(
            invitation_id=invitation.id,
            budget_id=id,
            budget_name=budget.name,
            invited_by=invitation.invited_by,
            email=invitation.email,
            role=invitation.role,
        )
        await self._store.commit(Insert(invitation), Emit(event), call.remember(None))

    async def mail_invitation(self, batch: Batch[BudgetInvited]) -> None:
        """Keeps the token's hash and sends the mail; sent twice, both mails have the same token."""
        for delivery in batch:
            id = delivery.event.invitation_id
            token = self.token(id)

            async def change(
                invitation: BudgetInvitation, digest: str = hash_secret(token)
            ) -> Decided[BudgetInvitation]:
                if invitation.token_hash == digest or not self._open(invitation):
                    return decided(invitation)
                after = invitation.but(
                    token_hash=digest,
                    version=invitation.version + 1,
                    updated_at=self._clock.now(),
                )
                return decided(after, Update(after))

            try:
                invitation = await rewrite(self._store, BudgetInvitation, id, change)
            except NotFound:
                continue  # the budget is gone, and its invitations with it
            if self._open(invitation):
                # Whoever invites may give any address: one that is none holds up no other.
                with suppress(MailRefused):
                    await self._mailer.send(self._mail(delivery.event, token))

    def token(self, invitation_id: str) -> str:
        """The secret that is mailed: derived, so that none is kept but its hash."""
        digest = hmac.digest(self._key, invitation_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _mail(self, event: BudgetInvited, token: str) -> Mail:
        link = f"{self._public_url}/invitations/accept?token={token}"
        text = (
            f"You are invited to the budget “{event.budget_name}” as {event.role.value}.\n\n"
            f"Sign in and open this link within 7 days to accept:\n{link}\n\n"
            "If you do not know what this is about, do nothing.\n"
        )
        return Mail(event.email, "An invitation to a budget", text, link)

    async def accept_invitation(self, call: Call, *, body: AcceptInvitationInput) -> Budget:
        """Makes the caller a member. Raises MailedTokenInvalid, AlreadyMember, MembersFull."""

        async def attempt() -> Decided[Budget]:
            invitation = await self._invitation(call.caller, body)
            budget = await self._store.get(BudgetRecord, invitation.budget_id)
            if budget is None:
                raise _invalid()
            if any(m.user_id == call.caller.user_id for m in budget.members) or (
                budget.owner_id == call.caller.user_id
            ):
                raise AlreadyMember("You are a member of this budget already.")
            if len(budget.members) >= MOST_MEMBERS:
                raise MembersFull(f"A budget has {MOST_MEMBERS} members at most.")
            member = BudgetMember(user_id=call.caller.user_id, role=invitation.role)
            after, changes = await self._figures.changed(
                budget, budget.but(members=[*budget.members, member])
            )
            used = await self._used_up(invitation)
            return decided(after, *changes, *used, call.remember(after))

        invitation = await self._invitation(call.caller, body)
        async with self._figures.turns.turn(invitation.budget_id):
            return await persist(self._store, attempt)

    async def _invitation(self, caller: Caller, body: AcceptInvitationInput) -> BudgetInvitation:
        """The open invitation that `body` names, by one of the two ways."""
        found: BudgetInvitation | None = None
        if body.token is not None and body.invitation_id is None:
            digest = hash_secret(body.token)
            found = await self._store.find(BudgetInvitation, token_hash=digest)
        elif body.invitation_id is not None and body.token is None:
            found = await self._store.get(BudgetInvitation, body.invitation_id)
            # An id is no secret: it is good for the account that was invited.
            if found is not None and found.email != await self._addresses.email_of(caller.user_id):
                found = None
        if found is None or not self._open(found):
            raise _invalid()
        return found

    async def _used_up(self, invitation: BudgetInvitation) -> Sequence[Update]:
        """Ends the invitation and the others of its address: none lets a removed member back in."""
        where = (
            Where("budget_id", "eq", invitation.budget_id),
            Where("email", "eq", invitation.email),
        )
        page = await self._store.page(BudgetInvitation, Query(where, limit=200))
        now = self._clock.now()
        waiting = {other.id: other for other in page.items if self._open(other)}
        return [
            Update(other.but(used_at=now, version=other.version + 1, updated_at=now))
            for other in (waiting | {invitation.id: invitation}).values()
        ]

    def _open(self, invitation: BudgetInvitation) -> bool:
        return invitation.used_at is None and invitation.expires_at > self._clock.now()


def without(budget: BudgetRecord, user_id: str) -> BudgetRecord:
    """`budget` without that member."""
    return budget.but(members=[m for m in budget.members if m.user_id != user_id])


def _membership(budget: Budget, user_id: str) -> BudgetMember:
    if user_id == budget.owner_id:
        raise OwnerFixed("The owner stays the owner.")
    for member in budget.members:
        if member.user_id == user_id:
            return member
    raise NotFound("There is no such member.")


def _invalid() -> MailedTokenInvalid:
    return MailedTokenInvalid("This invitation is unknown, expired or used.")
