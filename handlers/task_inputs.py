"""What each kind of task needs, and who may have it done."""

from __future__ import annotations

from generated.errors import TaskInputInvalid
from generated.models import TaskKind, TaskParameters
from runtime.call import Caller
from runtime.problem import EmailUnverified, Forbidden, InputError

_NEEDED = {TaskKind.SEND_EMAIL: ("recipient", "subject", "text")}
_ALLOWED = {
    TaskKind.SEND_EMAIL: ("recipient", "subject", "text"),
    TaskKind.EXPORT_EXPENSES: ("budget_id", "from_", "to"),
    TaskKind.REINDEX_SEARCH: (),
    TaskKind.MONTHLY_REPORT: ("month", "budget_id"),
}
# Kinds that not everybody may have done, by the scope that allows them.
_SCOPES = {TaskKind.SEND_EMAIL: "notifications:send", TaskKind.REINDEX_SEARCH: "search:write"}


def need_scope(caller: Caller, kind: TaskKind) -> None:
    """Raises Forbidden or EmailUnverified where the caller may not have that done."""
    scope = _SCOPES.get(kind)
    if scope is None or scope in caller.scopes:
        return
    if scope in caller.withheld:
        raise EmailUnverified("Verify your e-mail address first.")
    raise Forbidden(f"This kind of task needs the scope {scope}.")


def check_input(kind: TaskKind, input: TaskParameters, own_address: str | None) -> None:
    """Raises TaskInputInvalid with everything that does not fit the kind.

    Mail goes to the caller's own verified address only: nobody's relay.
    """
    faults = [
        _fault(name, f"is nothing that {kind} takes")
        for name in TaskParameters.model_fields
        if getattr(input, name) is not None and name not in _ALLOWED[kind]
    ]
    faults += [
        _fault(name, f"is needed for {kind}")
        for name in _NEEDED.get(kind, ())
        if getattr(input, name) is None
    ]
    if input.from_ is not None and input.to is not None and input.to < input.from_:
        faults.append(_fault("to", "is before `from`"))
    recipient = input.recipient if kind is TaskKind.SEND_EMAIL else None
    if recipient is not None and recipient.lower() != own_address:
        faults.append(_fault("recipient", "must be your own verified address"))
    if faults:
        raise TaskInputInvalid(f"The input does not fit {kind}.", errors=faults)


def _fault(name: str, text: str) -> InputError:
    alias = TaskParameters.model_fields[name].alias or name
    return InputError(f"/input/{alias}", TaskInputInvalid.code, text)
