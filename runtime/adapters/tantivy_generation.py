"""One tantivy index on disk with its only writer: a generation. A rebuild makes the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import tantivy
from tantivy import Document, FieldType, Query

from runtime.adapters import tantivy_query as build
from runtime.ports import SearchDocument

# Days for which a deletion is remembered: longer than any event is on its way, dead letters aside.
REMEMBERED = 30
_HEAP = 15_000_000  # the least tantivy takes; more only makes segments larger
_UNCOMMITTED = 20_000  # documents, at most, whose versions are kept in memory until a commit


@dataclass(frozen=True, slots=True)
class Put:
    """Adds or replaces a document."""

    document: SearchDocument


@dataclass(frozen=True, slots=True)
class Gone:
    """Deletes a document at its last version."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class BudgetGone:
    """Deletes a budget's documents, now and for good."""

    id: str


Op = Put | Gone | BudgetGone


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    dead: bool


def _mark(budget: str) -> str:
    """The id of a deleted budget's tombstone, which no document's id can be."""
    return f"budget {budget}"


class Generation:
    """Used by one thread at a time for writing, by any for searching. Every method blocks."""

    def __init__(self, path: Path, index: tantivy.Index, today: Callable[[], date]) -> None:
        build.register(index)
        index.config_reader("manual")  # no thread that watches the folder: each commit reloads
        self.path = path
        self._index = index
        self._today = today
        self._purged: int | None = None
        self._uncommitted: dict[str, _Known] = {}
        self._writer = index.writer(_HEAP, 1)
        # Reads a little of each kind of file, so that a damaged one shows now.
        searcher = index.searcher()
        if hits := searcher.search(Query.all_query(), 1).hits:
            searcher.doc(hits[0][1])
        searcher.aggregate(Query.all_query(), {"days": {"max": {"field": "day"}}})

    @classmethod
    def create(cls, path: Path, today: Callable[[], date]) -> Generation:
        """A new, empty index."""
        path.mkdir(parents=True)
        return cls(path, tantivy.Index(build.SCHEMA, str(path), reuse=False), today)

    @classmethod
    def open(cls, path: Path, today: Callable[[], date]) -> Generation:
        """The index at `path`. Raises, even a Rust panic (a BaseException), where it is damaged."""
        return cls(path, tantivy.Index.open(str(path)), today)

    def searcher(self) -> tantivy.Searcher:
        """What was last committed. It stays valid after `close` and after the folder is removed."""
        return self._index.searcher()

    @property
    def documents(self) -> int:
        """How many documents there are, tombstones included."""
        return self._index.searcher().num_docs

    def close(self) -> None:
        """Ends the writer and its threads."""
        self._writer.wait_merging_threads()

    # --- writing ----------------------------------------------------------------------------------

    def write(
        self, groups: Sequence[Sequence[Op]], *, commit: bool = True
    ) -> list[Exception | None]:
        """Applies each caller's operations, in order, in one commit; searchers see it on return.

        A group that cannot be encoded fails alone. Raises, with nothing written, when the commit
        fails. With `commit=False` all this holds from a later commit on.
        """
        documents: dict[int, Document] = {}
        failed: list[Exception | None] = []
        for group in groups:
            try:
                for op in group:
                    if isinstance(op, Put):
                        documents[id(op)] = build.encoded(op.document)
                failed.append(None)
            except Exception as error:  # whatever tantivy says of a value
                failed.append(error)
        plan = _Plan(self._known([op for group in groups for op in group]))
        for group, refused in zip(groups, failed, strict=True):
            if refused is None:
                for op in group:
                    plan.add(op)
        try:
            self._carry_out(plan, documents)
            self._uncommitted |= plan.after
            if self._uncommitted and (commit or len(self._uncommitted) > _UNCOMMITTED):
                self.commit()
        except BaseException:
            self._recover()
            raise
        return failed

    def commit(self) -> None:
        """Makes what was written durable, and seen by searchers."""
        self._writer.commit()
        self._uncommitted = {}
        self._index.reload()

    def _carry_out(self, plan: _Plan, documents: dict[int, Document]) -> None:
        writer, today = self._writer, self._today().toordinal()
        if plan.after and self._purged != today:
            aged = build.between("dead", None, today - REMEMBERED)
            writer.delete_documents_by_query(aged)
            self._purged = today
        for budget in plan.budgets:
            writer.delete_documents_by_term("budget", budget)
            writer.delete_documents_by_term("id", _mark(budget))
            writer.add_document(build.tombstone(_mark(budget), 0, today))
        for key, op in plan.ops.items():
            if key in plan.before:  # a deletion of nothing would cost a look into every segment
                writer.delete_documents_by_term("id", key)
            if isinstance(op, Put):
                writer.add_document(documents[id(op)])
            else:
                writer.add_document(build.tombstone(key, op.version, today))

    def _recover(self) -> None:
        """Forgets what was not committed; replaces a writer that has died of it."""
        self._uncommitted = {}
        self._purged = None
        try:
            self._writer.rollback()
        except Exception:
            del self._writer  # lets go of tantivy's lock
            self._writer = self._index.writer(_HEAP, 1)

    def _known(self, ops: Iterable[Op]) -> dict[str, _Known]:
        """The stored versions and tombstones that `ops` are to be held against."""
        keys: set[str] = set()
        for op in ops:
            if isinstance(op, Put):
                keys |= {op.document.id, _mark(op.document.budget_id)}
            elif isinstance(op, Gone):
                keys.add(op.id)
        if not keys:
            return {}
        searcher = self.searcher()
        query = Query.term_set_query(build.SCHEMA, "id", list(keys))
        known: dict[str, _Known] = {}
        for _, address in searcher.search(query, len(keys), count=False).hits:
            document = searcher.doc(address)
            dead = document.get_first("dead") is not None
            known[str(document.get_first("id"))] = _Known(_number(document, "version"), dead)
        if self._uncommitted:
            known |= {key: self._uncommitted[key] for key in keys & self._uncommitted.keys()}
        return known

    # --- what a rebuild takes over ----------------------------------------------------------------

    def inherit(self, old: Generation) -> None:
        """Takes over `old`'s tombstones that still count, but for what a rebuild found alive.

        The store was read after those deletions, so what it holds is right (a backup was restored);
        late events of other deleted things stay ignored.
        """
        oldest = self._today().toordinal() - REMEMBERED
        batch: list[tuple[str, int, int]] = []
        for tombstone in old._tombstones(oldest):
            batch.append(tombstone)
            if len(batch) == 5000:
                self._take_over(batch)
                batch = []
        self._take_over(batch)

    def _tombstones(self, oldest: int) -> Iterator[tuple[str, int, int]]:
        searcher = self.searcher()
        query = Query.range_query(build.SCHEMA, "dead", FieldType.Integer, oldest)
        for _, address in searcher.search(query, searcher.num_docs + 1, count=False).hits:
            document = searcher.doc(address)
            key = str(document.get_first("id"))
            yield key, _number(document, "version"), _number(document, "dead")

    def _take_over(self, batch: Sequence[tuple[str, int, int]]) -> None:
        if not batch:
            return
        known = self._known(Gone(key, version) for key, version, _ in batch)
        searcher = self.searcher()
        for key, version, day in batch:
            if key in known:
                continue
            budget = key.removeprefix(_mark(""))
            if budget != key and searcher.doc_freq("budget", budget):
                continue
            self._writer.add_document(build.tombstone(key, version, day))
        self.commit()


def _number(document: Document, field: str) -> int:
    value = document.get_first(field)
    return value if isinstance(value, int) else 0


class _Plan:
    """What remains to be done of a run of operations, held against the versions already stored."""

    def __init__(self, known: dict[str, _Known]) -> None:
        self.before = known
        self.after: dict[str, _Known] = {}
        self.ops: dict[str, Put | Gone] = {}
        self.budgets: dict[str, None] = {}

    def add(self, op: Op) -> None:
        """Adds `op`, unless it comes too late."""
        if isinstance(op, BudgetGone):
            self.budgets[op.id] = None
            self.after[_mark(op.id)] = _Known(0, True)
            for key, other in list(self.ops.items()):
                if isinstance(other, Put) and other.document.budget_id == op.id:
                    del self.ops[key]
            return
        if isinstance(op, Put):
            key, version = op.document.id, op.document.version
            if self._known(_mark(op.document.budget_id)) is not None:
                return
        else:
            key, version = op.id, op.version
        known = self._known(key)
        if known is not None:
            # A deletion comes at the last version, so it may equal that of the document it ends.
            ends = isinstance(op, Gone) and not known.dead
            if version < known.version or (version == known.version and not ends):
                return
        self.after[key] = _Known(version, isinstance(op, Gone))
        self.ops[key] = op

    def _known(self, key: str) -> _Known | None:
        return self.after.get(key) or self.before.get(key)
