"""The data folder: one process serves from it, and knows when another one has written meanwhile."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from pathlib import Path
from typing import IO


class CannotOpen(Exception):
    """The data folder cannot be used. The message is for whoever started the process."""


class InUse(CannotOpen):
    """Another process serves from the data folder; a guest may join it."""


class Folder:
    """The files beside the database.

    `budget.lock` is held by the serving process as long as it lives; the kernel drops it with the
    process, however that ends. A *guest* (the command line) does not take it: SQLite's own locks
    order its writes with the server's. But the server caches entities, so a guest puts a new number
    into `budget.stamp` after each of its commits; the server has that file mapped and looks at it
    before each cached read, which costs 0.1 µs.
    """

    def __init__(self, path: Path, *, guest: bool = False) -> None:
        self.path = path
        self.guest = guest
        self.database = path / "budget.db"
        self._lock: IO[str] | None = None
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not guest:
                self._lock = self._take_lock()
            stamp = _mapped(path / "budget.stamp")
        except OSError as error:
            self._unlock()
            raise CannotOpen(f"the data folder {path} cannot be used: {error.strerror}") from error
        # One 64-bit number. Random rather than counted, as two guests may write it at once.
        self.stamp = memoryview(stamp).cast("Q")

    def _take_lock(self) -> IO[str]:
        file = (self.path / "budget.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise InUse(
                f"another process (pid {holder}) serves from the data folder {self.path}: "
                "stop it, or use another folder"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def mark(self) -> None:
        """Tells the serving process that something was written beside it."""
        self.stamp[0] = secrets.randbits(64)

    def close(self) -> None:
        """Gives the folder free. The stamp can still be looked at, by a store used too late."""
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _mapped(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < 8:
            # Written, not only made so long: a mapped hole on a full disk would end the process.
            os.write(descriptor, bytes(8))
        return mmap.mmap(descriptor, 8)
    finally:
        os.close(descriptor)
