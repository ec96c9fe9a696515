"""The two ends of a move: what names them, and where the copy is made until it is proved."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.settings import Settings

ENVIRONMENT = "env"
# Within the target folder until the copy is proved: a server that starts there does not see it.
UNFINISHED = "unfinished-move"
# In the source folder while servers are being filled, and for good once they are.
MOVING, MOVED = "moving.json", "moved.json"
_DATABASE = "budget.db"
_FIRST_OUT = {"jwt-secret", "mail", "search"}
_IGNORED = {UNFINISHED, "budget.lock", "budget.stamp", "lost+found"}


# The servers that keep entities; without any of them, a platform's truth is in its folder.
_KEEPERS = ("MONGO_DB_URI", "POSTGRES_URL", "MYSQL_URL")


def keepers(settings: Settings) -> list[str]:
    """The variables of the servers that keep what is moved."""
    return [name for name in settings.configured_backends() if name in _KEEPERS]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both platforms' settings; a folder's are without the environment's servers."""

    source: str
    target: str
    from_: Settings
    to: Settings

    @classmethod
    def read(cls, source: str, target: str) -> Ends:
        """From the options; exits where they name one platform twice, or none."""
        from_, to = (_side_settings(each) for each in (source, target))
        for settings, name in ((from_, "--from"), (to, "--to")):
            if settings.data_dir.exists() and not settings.data_dir.is_dir():
                shell.fail(f"{name}: {settings.data_dir} is no folder")
        if from_.data_dir.resolve() == to.data_dir.resolve():
            shell.fail(
                f"both sides keep something in {to.data_dir}: "
                "set DATA_DIR to another folder for what stays embedded"
            )
        if not keepers(from_) and not (from_.data_dir / _DATABASE).exists():
            shell.fail(f"there is no data in the folder {from_.data_dir}")
        return cls(_called(from_), _called(to), from_, to)


def _side_settings(end: str) -> Settings:
    if end == ENVIRONMENT:
        return shell.settings_of()
    return shell.settings_of(Path(end), embedded=True)


def _called(settings: Settings) -> str:
    servers = keepers(settings)
    return f"the servers of {', '.join(servers)}" if servers else f"the folder {settings.data_dir}"


@contextmanager
def landing(ends: Ends) -> Iterator[tuple[Settings, bool]]:
    """Settings of where the copy is made, and whether it goes on with an unfinished one.

    In a folder that is a folder within, whose content comes out when all is proved; the target's
    lock is held meanwhile.
    """
    from dataclasses import replace

    from runtime.adapters.sqlite.folder import Folder

    if keepers(ends.to):
        yield ends.to, unfinished(ends)
        return
    need_free(ends)
    folder = ends.to.data_dir
    lock = Folder(folder)
    try:
        within = folder / UNFINISHED
        resume = (within / _DATABASE).exists()
        within.mkdir(mode=0o700, exist_ok=True)
        _keep_secret(ends.from_, within)
        yield replace(ends.to, data_dir=within, jwt_secret=None), resume
    finally:
        lock.close()


def need_free(ends: Ends) -> None:
    """Refuses a target folder that holds more than an unfinished copy."""
    folder = ends.to.data_dir
    held = {each.name for each in folder.iterdir()} - _IGNORED if folder.exists() else set()
    if (folder / UNFINISHED / _DATABASE).exists():
        # It was killed while this came out: it comes out again.
        held -= _FIRST_OUT
    if held:
        raise shell.Refused(f"{ends.target} is not empty: it has {', '.join(sorted(held)[:5])}")


def _keep_secret(source: Settings, folder: Path) -> None:
    """The secret goes along: with another one, links that were mailed would end."""
    secret = _secret_of(source)
    if secret is None:
        return
    path = folder / "jwt-secret"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secret)


def _secret_of(settings: Settings) -> bytes | None:
    """What a platform has signed with: a folder's own, or JWT_SECRET; None: it kept none."""
    if not keepers(settings):
        try:
            return (settings.data_dir / "jwt-secret").read_bytes().strip()
        except FileNotFoundError:
            pass
    return settings.jwt_secret


def begin(ends: Ends) -> None:
    """Notes in the source folder that these servers are being filled: a second run may go on."""
    if ends.to.jwt_secret is not None and _secret_of(ends.from_) not in (None, ends.to.jwt_secret):
        shell.note(
            "JWT_SECRET is not the one that the source signs with: links that were mailed end, "
            "and people sign in again"
        )
    if keepers(ends.to) and not keepers(ends.from_):
        note = {"to": _fingerprint(ends.to)}
        (ends.from_.data_dir / MOVING).write_text(json.dumps(note), encoding="utf-8")


def unfinished(ends: Ends) -> bool:
    """Whether an earlier run began to fill these very servers from this folder."""
    try:
        note = json.loads((ends.from_.data_dir / MOVING).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(note.get("to") == _fingerprint(ends.to))


def _fingerprint(settings: Settings) -> str:
    """Names the servers without a user or a password."""
    parts = [
        f"{name}={getattr(settings, name.lower()).rpartition('@')[2]}" for name in keepers(settings)
    ]
    parts.append(str(settings.data_dir.resolve()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def finish(ends: Ends, to: Settings, report: dict[str, Any]) -> None:
    """Brings the copy to where it belongs, and leaves word in the source folder."""
    if not keepers(ends.to):
        folder = ends.to.data_dir
        wal = to.data_dir / f"{_DATABASE}-wal"
        if wal.exists() and wal.stat().st_size:
            raise shell.Refused(f"{to.data_dir} was not closed as it should be: run it again")
        # The database last: without it the folder is not taken for a whole one.
        for each in sorted(to.data_dir.iterdir(), key=lambda path: path.name == _DATABASE):
            if each.name in _IGNORED or each.name.startswith(f"{_DATABASE}-"):
                continue
            place = folder / each.name
            if place.is_dir():
                shutil.rmtree(place)
            each.rename(place)
        _sync(folder)
        shutil.rmtree(to.data_dir)
    if not keepers(ends.from_):
        word = {"to": ends.target, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        folder = ends.from_.data_dir
        (folder / MOVED).write_text(json.dumps(word | report), encoding="utf-8")
        (folder / MOVING).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
