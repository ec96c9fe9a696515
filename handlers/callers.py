"""An account as a caller."""

from __future__ import annotations

from generated.models import Role
from generated.operations import ROLES
from runtime.call import Caller


def caller_as(user_id: str, session_id: str, role: Role, verified: bool) -> Caller:
    """Who calls. Until the address is verified a staff role gives nothing but a user's scopes."""
    scopes = ROLES[role.value]
    given = scopes if verified else ROLES["user"]
    return Caller(user_id, session_id, role.value, given, verified, scopes - given)
