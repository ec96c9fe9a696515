"""The folder of the embedded search index: who may open it, and which generation is current.

lock            held for as long as the index is open
current.json    {"generation": "index-7", "format": 1, "complete": true}, replaced atomically
index-7/        what tantivy writes
damaged/        the last generation that could not be opened, kept for a look
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

from runtime.adapters.tantivy_query import FORMAT


class IndexInUse(RuntimeError):
    """Another process, or another index object in this one, has the folder open."""


class IndexFolder:
    """Holds the lock of `path` from the start until `release`. Raises IndexInUse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = (path / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            holder = self._lock.read(20).strip()
            self._lock.close()
            raise IndexInUse(
                f"the search index in {path} is open already, by process {holder or 'unknown'};"
                " one process writes it: stop the other, or give this one its own data folder"
            ) from None
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def release(self) -> None:
        """Lets another open the folder."""
        self._lock.close()

    def current(self) -> tuple[Path, bool] | None:
        """The current generation and whether it is complete; None where none can be used."""
        try:
            pointer: dict[str, Any] = json.loads((self.path / "current.json").read_bytes())
            name, format, complete = (pointer[k] for k in ("generation", "format", "complete"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        path = self.path / str(name)
        return (path, complete is True) if format == FORMAT and path in self._all() else None

    def switch(self, generation: Path, complete: bool) -> None:
        """Makes `generation` the current one, atomically and durably."""
        pointer = {"generation": generation.name, "format": FORMAT, "complete": complete}
        new = self.path / "current.json.new"
        with new.open("w") as file:
            json.dump(pointer, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / "current.json")
        self._sync()

    def next(self) -> Path:
        """The path of a generation that does not exist yet."""
        return self.path / f"index-{max(map(_number, self._all()), default=0) + 1}"

    def set_aside(self) -> None:
        """Moves the newest generation to `damaged`, in place of what was there."""
        if generations := self._all():
            damaged = self.path / "damaged"
            shutil.rmtree(damaged, ignore_errors=True)
            max(generations, key=_number).rename(damaged)

    def sweep(self, keep: Path) -> None:
        """Removes all generations but `keep`: those that a crash left, or a rebuild replaced."""
        for path in self._all():
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)

    def _all(self) -> list[Path]:
        return [p for p in self.path.glob("index-*") if p.is_dir() and p.name[6:].isdecimal()]

    def _sync(self) -> None:
        handle = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _number(path: Path) -> int:
    return int(path.name[6:])
