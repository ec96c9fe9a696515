"""The services of other processes, as handlers and protocols here take them."""

from __future__ import annotations

from generated.grpc import budget_pb2, clients
from generated.operations import SERVICES
from handlers.remote import (
    RemoteAccounts,
    RemoteBudgets,
    RemoteExpenses,
    RemoteIndex,
    RemoteTasks,
)
from handlers.remote_live import RemoteBudgetWatch, RemoteNotificationWatch
from handlers.watching import Watching
from runtime.grpc.client import Remote, channel
from runtime.grpc.trust import Vouchers
from runtime.ports import Clock, Fanout
from runtime.settings import Settings
from runtime.tokens import AccessTokens


class Apart:
    """A client a service, each on a channel of its own that connects when it is first used."""

    def __init__(
        self,
        settings: Settings,
        *,
        tokens: AccessTokens,
        clock: Clock,
        fanout: Fanout,
    ) -> None:
        vouchers = Vouchers(settings.signing_secret(), clock)
        self._channels = {name: channel(_target(settings, name)) for name in SERVICES}

        def remote(name: str) -> Remote:
            return Remote(
                self._channels[name],
                vouchers=vouchers,
                refusals=clients.REFUSALS,
                problem=budget_pb2.Problem,
            )

        self.auth = clients.AuthClient(remote("auth"))
        self.budget = clients.BudgetClient(remote("budget"))
        self.customer = clients.CustomerClient(remote("customer"))
        self.expense = clients.ExpenseClient(remote("expense"))
        self.notification = clients.NotificationClient(remote("notification"))
        self.order = clients.OrderClient(remote("order"))
        self.search = clients.SearchClient(remote("search"))
        self.task = clients.TaskClient(remote("task"))
        self.transaction = clients.TransactionClient(remote("transaction"))
        # What the services know, for the handlers and the gate that ask them.
        self.accounts = RemoteAccounts(client=self.auth, tokens=tokens, clock=clock)
        self.budgets = RemoteBudgets(client=self.budget, service=self.budget)
        self.expenses = RemoteExpenses(client=self.expense)
        self.tasks = RemoteTasks(client=self.task)
        self.index = RemoteIndex(client=self.search)
        watching = Watching(fanout=fanout, sessions=self.accounts)
        self.budget_watch = RemoteBudgetWatch(budgets=self.budget, watching=watching)
        self.notification_watch = RemoteNotificationWatch(
            notifications=self.notification, watching=watching
        )

    async def close(self) -> None:
        """Ends the channels."""
        for each in self._channels.values():
            await each.close()


def _target(settings: Settings, service: str) -> str:
    return str(getattr(settings, f"{service}_service"))
