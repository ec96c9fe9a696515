"""Commits that wait at the same time travel together.

Each request to MongoDB costs this process some 250 µs, whatever is in it (bench/mongodb.py). So at
most a few are under way, and what comes meanwhile becomes one: inserts one unordered insert, each
of which succeeds by itself; others one transaction. If that is refused, each is run by itself, and
so refused for its own reason. Alone, a commit is sent at once.
"""

from __future__ import annotations

import asyncio

from pymongo.errors import ConnectionFailure, DuplicateKeyError, PyMongoError

from runtime.adapters.mongodb.changes import Commit, Write, insert_all
from runtime.adapters.mongodb.database import MongoDatabase
from runtime.adapters.mongodb.sequence import Numbers
from runtime.ports import Taken

# Requests under way: so many commits may hang before others wait for them.
_LANES = 4
# Documents that one request writes.
_MOST_DOCUMENTS = 64

Waiting = tuple[Commit, asyncio.Future[None]]


class Groups:
    """Runs the commits of one service."""

    def __init__(self, database: MongoDatabase, service: str) -> None:
        self._database = database
        self._service = service
        self._numbers = Numbers(database, service)
        self._waiting: list[Waiting] = []
        self._lanes = 0
        self._sending = False

    async def commit(self, commit: Commit) -> None:
        """Raises the ports' refusals and Unavailable; goes on when who awaits it is cancelled."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((commit, future))
        self._send_soon()
        await future

    def _send_soon(self) -> None:
        if self._waiting and not self._sending and self._lanes < _LANES:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._sending = False
        group = self._next()
        self._lanes += 1
        task = self._database.start(self._run(group))
        task.add_done_callback(self._ended)
        self._send_soon()

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._lanes -= 1
        self._send_soon()

    def _next(self) -> list[Waiting]:
        """The commits that wait longest, as many as fit and touch nothing in common."""
        group: list[Waiting] = []
        left: list[Waiting] = []
        touched: set[object] = set()
        documents = 0
        for place, (commit, future) in enumerate(self._waiting):
            documents += commit.documents
            if group and documents > _MOST_DOCUMENTS:
                left += self._waiting[place:]
                break
            own = set(commit.touched())
            if touched.isdisjoint(own):
                group.append((commit, future))
            else:
                left.append((commit, future))
            # Also what is left: a third one does not overtake it.
            touched |= own
        self._waiting = left
        return group

    async def _run(self, group: list[Waiting]) -> None:
        try:
            await self._number([commit for commit, _ in group])
            if len(group) == 1:
                await self._alone(*group[0])
            elif all(_inserts(commit) for commit, _ in group):
                await self._inserts(group)
            else:
                await self._as_one(group)
        except PyMongoError as error:
            refusal: BaseException = self._database.unavailable(error)
        except BaseException as error:
            refusal = error
        else:
            return
        for _, future in group:
            _settle(future, refusal)
        if not isinstance(refusal, Exception):
            raise refusal

    async def _number(self, commits: list[Commit]) -> None:
        entries = [event for commit in commits for event in commit.entries]
        if entries:
            number = await self._numbers.reserve(len(entries))
            for place, event in enumerate(entries):
                event["at"] = number + place

    async def _alone(self, commit: Commit, future: asyncio.Future[None]) -> None:
        try:
            await commit.run()
        except PyMongoError as error:
            _settle(future, self._database.unavailable(error))
        except Exception as refusal:
            _settle(future, refusal)
        else:
            self._done(commit, future)

    async def _inserts(self, group: list[Waiting]) -> None:
        by_shelf: dict[str, list[Waiting]] = {}
        for commit, future in group:
            by_shelf.setdefault(commit.writes[0].shelf.name, []).append((commit, future))
        for some in by_shelf.values():
            try:
                refused = await insert_all([commit.writes[0] for commit, _ in some])
            except Exception as error:
                if _unclear(error):
                    raise
                # One of them cannot be sent at all.
                await self._each(some)
                continue
            for place, (commit, future) in enumerate(some):
                if place not in refused:
                    self._done(commit, future)
                elif (taken := _taken(commit.writes[0], refused[place])) is not None:
                    _settle(future, taken)
                else:
                    # Its id is taken, or a tombstone's.
                    await self._alone(commit, future)

    async def _as_one(self, group: list[Waiting]) -> None:
        commits = [commit for commit, _ in group]
        try:
            await commits[0].merged(commits[1:]).run()
        except Exception as error:
            if _unclear(error):
                raise
            await self._each(group)
        else:
            for commit, future in group:
                self._done(commit, future)

    async def _each(self, group: list[Waiting]) -> None:
        await asyncio.gather(*[self._alone(commit, future) for commit, future in group])

    def _done(self, commit: Commit, future: asyncio.Future[None]) -> None:
        _settle(future, None)
        if commit.entries:
            self._database.emitted(self._service)


def _unclear(error: Exception) -> bool:
    """Whether something may have been written: the answer was lost, or did not come in time."""
    if not isinstance(error, PyMongoError):
        return False
    lost = isinstance(error, ConnectionFailure) or error.timeout
    return lost or error.has_error_label("UnknownTransactionCommitResult")


def _inserts(commit: Commit) -> bool:
    return commit.documents == 1 and bool(commit.writes) and commit.writes[0].kind == "insert"


def _taken(write: Write, error: DuplicateKeyError) -> Taken | None:
    taken = write.shelf.taken(error)
    return None if taken.fields == ("id",) else taken


def _settle(future: asyncio.Future[None], refusal: BaseException | None) -> None:
    if future.done():
        return
    if refusal is None:
        future.set_result(None)
    else:
        future.set_exception(refusal)
